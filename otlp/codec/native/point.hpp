// What the five types of data points have on the wire, read into one form.
#pragma once

#include "exemplars.hpp"
#include "numbers.hpp"
#include "rules.hpp"

namespace aura {

// `metric_type` of pipeline/schema.py: the number of the field that is set in Metric.
enum MetricType : uint8_t { kGauge = 5, kSum = 7, kHistogram = 9, kExponentialHistogram = 10, kSummary = 11 };

constexpr uint32_t kNoRecordedValue = 1;

struct Optional {
  bool set = false;
  double value = 0;

  void operator=(double found) {
    set = true;
    value = found;
  }
};

// A point but its lists, which are in their columns as soon as they were read.
struct Point {
  uint64_t start = 0, time = 0, count = 0, zero_count = 0;
  uint32_t flags = 0;
  Measured value;
  Optional sum, min, max;
  int32_t scale = 0, positive_offset = 0, negative_offset = 0;
  double zero_threshold = 0;
};

// The lists of a point's row.
template <bool keep>
struct PointLists {
  Attributes<keep> attributes;
  Exemplars<keep> exemplars;
  Counts<keep> bucket_counts, positive_counts, negative_counts;
  Bounds<keep> explicit_bounds;
  Kept<keep, Numbers<double>> quantile, quantile_value;
  Kept<keep, Struct> quantile_items{fields(&quantile, &quantile_value)};
  Kept<keep, Lists> quantiles{&quantile_items};
  Increasing quantile_order;
  bool quantiles_within = true;

  void add_quantile(Reader in) {
    double at = 0, value = 0;
    while (uint32_t found = in.next()) {
      switch (found) {
        case tag(1, kFixed64): at = in.float64(); break;
        case tag(2, kFixed64): value = in.float64(); break;
        default: in.skip(found);
      }
    }
    quantile.add(at);
    quantile_value.add(value);
    quantile_order.add(at);
    quantiles_within = quantiles_within && at >= 0 && at <= 1;
  }
};

template <bool keep>
[[gnu::always_inline]] inline void read_number(Reader in, Point& point, PointLists<keep>& lists) {
  while (uint32_t found = in.next()) {
    switch (found) {
      case tag(2, kFixed64): point.start = in.fixed64(); break;
      case tag(3, kFixed64): point.time = in.fixed64(); break;
      case tag(4, kFixed64): point.value.set_double(in.float64()); break;
      case tag(5, kBytes): lists.exemplars.add(in.message()); break;
      case tag(6, kFixed64): point.value.set_int(in.fixed64()); break;
      case tag(7, kBytes): lists.attributes.add(in.message()); break;
      case tag(8, kVarint): point.flags = in.varint32(); break;
      default: in.skip(found);
    }
  }
}

template <bool keep>
[[gnu::always_inline]] inline void read_histogram(Reader in, Point& point, PointLists<keep>& lists) {
  lists.bucket_counts.begin();
  lists.explicit_bounds.begin();
  auto count = [&](uint64_t found) { lists.bucket_counts.add(found); };
  auto bound = [&](double found) { lists.explicit_bounds.add(found); };
  while (uint32_t found = in.next()) {
    switch (found) {
      case tag(2, kFixed64): point.start = in.fixed64(); break;
      case tag(3, kFixed64): point.time = in.fixed64(); break;
      case tag(4, kFixed64): point.count = in.fixed64(); break;
      case tag(5, kFixed64): point.sum = in.float64(); break;
      case tag(6, kBytes): read_fixed<uint64_t>(in, true, count); break;
      case tag(6, kFixed64): read_fixed<uint64_t>(in, false, count); break;
      case tag(7, kBytes): read_fixed<double>(in, true, bound); break;
      case tag(7, kFixed64): read_fixed<double>(in, false, bound); break;
      case tag(8, kBytes): lists.exemplars.add(in.message()); break;
      case tag(9, kBytes): lists.attributes.add(in.message()); break;
      case tag(10, kVarint): point.flags = in.varint32(); break;
      case tag(11, kFixed64): point.min = in.float64(); break;
      case tag(12, kFixed64): point.max = in.float64(); break;
      default: in.skip(found);
    }
  }
}

// One side of an exponential histogram; returns its offset.
template <bool keep>
int32_t read_buckets(Reader in, Counts<keep>& counts) {
  int32_t offset = 0;
  counts.begin();
  while (uint32_t found = in.next()) {
    switch (found) {
      case tag(1, kVarint): offset = in.zigzag32(); break;
      case tag(2, kVarint): counts.add(in.varint()); break;
      case tag(2, kBytes):
        for (Reader run = in.packed(); !run.done();) counts.add(run.varint());
        break;
      default: in.skip(found);
    }
  }
  return offset;
}

template <bool keep>
void read_exponential_histogram(Reader in, Point& point, PointLists<keep>& lists) {
  Single positive, negative;
  while (uint32_t found = in.next()) {
    switch (found) {
      case tag(1, kBytes): lists.attributes.add(in.message()); break;
      case tag(2, kFixed64): point.start = in.fixed64(); break;
      case tag(3, kFixed64): point.time = in.fixed64(); break;
      case tag(4, kFixed64): point.count = in.fixed64(); break;
      case tag(5, kFixed64): point.sum = in.float64(); break;
      case tag(6, kVarint): point.scale = in.zigzag32(); break;
      case tag(7, kFixed64): point.zero_count = in.fixed64(); break;
      case tag(8, kBytes): positive.set(in.message()); break;
      case tag(9, kBytes): negative.set(in.message()); break;
      case tag(10, kVarint): point.flags = in.varint32(); break;
      case tag(11, kBytes): lists.exemplars.add(in.message()); break;
      case tag(12, kFixed64): point.min = in.float64(); break;
      case tag(13, kFixed64): point.max = in.float64(); break;
      case tag(14, kFixed64): point.zero_threshold = in.float64(); break;
      default: in.skip(found);
    }
  }
  point.positive_offset = read_buckets(*positive, lists.positive_counts);
  point.negative_offset = read_buckets(*negative, lists.negative_counts);
}

template <bool keep>
void read_summary(Reader in, Point& point, PointLists<keep>& lists) {
  point.sum = 0;  // never null in a summary
  lists.quantile_order = {};
  lists.quantiles_within = true;
  while (uint32_t found = in.next()) {
    switch (found) {
      case tag(2, kFixed64): point.start = in.fixed64(); break;
      case tag(3, kFixed64): point.time = in.fixed64(); break;
      case tag(4, kFixed64): point.count = in.fixed64(); break;
      case tag(5, kFixed64): point.sum = in.float64(); break;
      case tag(6, kBytes): lists.add_quantile(in.message()); break;
      case tag(7, kBytes): lists.attributes.add(in.message()); break;
      case tag(8, kVarint): point.flags = in.varint32(); break;
      default: in.skip(found);
    }
  }
}

template <bool keep>
[[gnu::always_inline]] inline void read_point(MetricType type, Reader in, Point& point, PointLists<keep>& lists) {
  switch (type) {
    case kGauge:
    case kSum: return read_number(in, point, lists);
    case kHistogram: return read_histogram(in, point, lists);
    case kExponentialHistogram: return read_exponential_histogram(in, point, lists);
    case kSummary: return read_summary(in, point, lists);
  }
}

template <bool keep>
Rule histogram_verdict(const Point& point, const PointLists<keep>& lists) {
  const Counts<keep>& counts = lists.bucket_counts;
  const Increasing& bounds = lists.explicit_bounds.order;
  if (counts.size == 0 && bounds.size == 0) return kValid;
  if (counts.size != bounds.size + 1) return kBuckets;
  // A single NaN has nothing to be compared with.
  if (!bounds.holds || (bounds.size > 0 && std::isnan(bounds.first))) return kBounds;
  return counts.sum == point.count ? kValid : kCount;
}

template <bool keep>
Rule verdict(MetricType type, const Point& point, const PointLists<keep>& lists) {
  if (point.time == 0) return kTime;
  if ((point.flags & kNoRecordedValue) != 0) return kValid;
  switch (type) {
    case kGauge:
    case kSum: return point.value.arm == Measured::kNone ? kValue : kValid;
    case kHistogram: return histogram_verdict(point, lists);
    case kExponentialHistogram: {
      Sum counted = lists.positive_counts.sum + lists.negative_counts.sum + point.zero_count;
      return counted == point.count ? kValid : kExponentialCount;
    }
    case kSummary: return lists.quantiles_within && lists.quantile_order.holds ? kValid : kQuantiles;
  }
  return kValid;
}

}  // namespace aura
