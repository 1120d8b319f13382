// Data points: `POINTS` of pipeline/schema.py. A metric's own fields stand in each of its rows.
#pragma once

#include "point.hpp"
#include "request.hpp"

namespace aura {

template <bool keep>
class Points {
 public:
  static constexpr bool kKeep = keep;
  Shared<keep> shared;

  std::vector<Column*> columns() {
    return fields(&shared.sequence, &shared.time, &shared.resource, &shared.scope, &metric_name_,
                  &metric_description_, &metric_unit_, &metric_metadata_, &metric_type_,
                  &aggregation_temporality_, &is_monotonic_, &lists_.attributes.rows,
                  &start_time_unix_nano_, &time_unix_nano_, &flags_, &lists_.exemplars.rows,
                  &values_.value_double, &values_.value_int, &count_, &sum_, &min_, &max_,
                  &lists_.bucket_counts.rows, &lists_.explicit_bounds.rows, &scale_, &zero_count_,
                  &zero_threshold_, &positive_offset_, &lists_.positive_counts.rows, &negative_offset_,
                  &lists_.negative_counts.rows, &lists_.quantiles);
  }

  // Reads a metric.
  void read(Reader in) {
    Metric metric;
    metadata_.truncate(0);
    AttributeList<keep> listed(metadata_);
    size_t first = shared.verdicts.size();
    while (uint32_t found = in.next()) {
      switch (found) {
        case tag(1, kBytes): metric.name = in.text(); break;
        case tag(2, kBytes): metric.description = in.text(); break;
        case tag(3, kBytes): metric.unit = in.text(); break;
        case tag(kGauge, kBytes):
        case tag(kSum, kBytes):
        case tag(kHistogram, kBytes):
        case tag(kExponentialHistogram, kBytes):
        case tag(kSummary, kBytes):
          metric.data.set(in.message());  // a second type in the oneof is left to protobuf as well
          metric.type = static_cast<MetricType>(found >> 3);
          break;
        case tag(12, kBytes): listed.add(in.message()); break;
        default: in.skip(found);
      }
    }
    listed.end();
    if (!metric.data) return;
    read_data(metric, *metric.data);
    if (metric.has_temporality() && metric.temporality != 1 && metric.temporality != 2) {
      std::fill(shared.verdicts.begin() + static_cast<std::ptrdiff_t>(first), shared.verdicts.end(),
                static_cast<char>(kTemporality));
    }
    metric.metadata = Bytes(metadata_.data(), metadata_.size());
    fill(metric, shared.verdicts.size() - first);
  }

 private:
  struct Metric {
    Bytes name, description, unit, metadata;
    MetricType type = kGauge;
    Single data;
    int32_t temporality = 0;
    bool monotonic = false;

    bool has_temporality() const { return type != kGauge && type != kSummary; }
  };

  void read_data(Metric& metric, Reader in) {
    while (uint32_t found = in.next()) {
      if (found == tag(1, kBytes)) {
        read_row(metric.type, in.message());
      } else if (found == tag(2, kVarint) && metric.has_temporality()) {
        metric.temporality = static_cast<int32_t>(in.varint32());
      } else if (found == tag(3, kVarint) && metric.type == kSum) {
        metric.monotonic = in.varint() != 0;
      } else {
        in.skip(found);
      }
    }
  }

  [[gnu::always_inline]] void read_row(MetricType type, Reader in) {
    Point point;
    read_point(type, in, point, lists_);
    lists_.attributes.end();
    lists_.exemplars.end();
    shared.verdicts.push_back(verdict(type, point, lists_));
    shared.time.add(shared.window.effective(point.time, 0));
    start_time_unix_nano_.add(point.start);
    time_unix_nano_.add(point.time);
    flags_.add(point.flags);
    switch (type) {
      case kGauge:
      case kSum: values_.add(point.value); return;
      case kHistogram: add_population(point); add_buckets(); return;
      case kExponentialHistogram: add_population(point); add_exponential(point); return;
      case kSummary: add_population(point); lists_.quantiles.end(lists_.quantile.size()); return;
    }
  }

  void add_population(const Point& point) {
    count_.add(point.count);
    add(sum_, point.sum);
    add(min_, point.min);
    add(max_, point.max);
  }

  void add_buckets() {
    lists_.bucket_counts.end();
    lists_.explicit_bounds.end();
  }

  void add_exponential(const Point& point) {
    scale_.add(point.scale);
    zero_count_.add(point.zero_count);
    zero_threshold_.add(point.zero_threshold);
    positive_offset_.add(point.positive_offset);
    lists_.positive_counts.end();
    negative_offset_.add(point.negative_offset);
    lists_.negative_counts.end();
  }

  template <class Kind>
  static void add(Kind& column, const Optional& value) {
    if (value.set) {
      column.add(value.value);
    } else {
      column.add_null();
    }
  }

  void fill(const Metric& metric, size_t rows) {
    metric_name_.fill(metric.name, rows);
    metric_description_.fill(metric.description, rows);
    metric_unit_.fill(metric.unit, rows);
    metric_metadata_.fill(metric.metadata, rows);
    metric_type_.fill(metric.type, rows);
    aggregation_temporality_.fill(metric.temporality, rows);
    is_monotonic_.fill(metric.monotonic, rows);
    fill_unused(metric.type, rows);
  }

  // The columns that points of another type have: a metric's rows at once.
  void fill_unused(MetricType type, size_t rows) {
    if (type == kGauge || type == kSum) {
      count_.fill(0, rows);
      sum_.add_nulls(rows);
      min_.add_nulls(rows);
      max_.add_nulls(rows);
    } else {
      values_.value_double.add_nulls(rows);
      values_.value_int.add_nulls(rows);
    }
    if (type != kHistogram) {
      lists_.bucket_counts.rows.add_empty(rows);
      lists_.explicit_bounds.rows.add_empty(rows);
    }
    if (type != kExponentialHistogram) {
      scale_.fill(0, rows);
      zero_count_.fill(0, rows);
      zero_threshold_.fill(0, rows);
      positive_offset_.fill(0, rows);
      lists_.positive_counts.rows.add_empty(rows);
      negative_offset_.fill(0, rows);
      lists_.negative_counts.rows.add_empty(rows);
    }
    if (type != kSummary) lists_.quantiles.add_empty(rows);
  }

  Kept<keep, Dictionary> metric_name_, metric_description_, metric_unit_, metric_metadata_;
  Kept<keep, Numbers<uint8_t>> metric_type_;
  Kept<keep, Numbers<int32_t>> aggregation_temporality_, scale_, positive_offset_, negative_offset_;
  Kept<keep, Booleans> is_monotonic_;
  PointLists<keep> lists_;
  Kept<keep, Numbers<uint64_t>> start_time_unix_nano_, time_unix_nano_, count_, zero_count_;
  Kept<keep, Numbers<uint32_t>> flags_;
  Measurements<keep> values_;
  Kept<keep, Optionals<double>> sum_, min_, max_;
  Kept<keep, Numbers<double>> zero_threshold_;
  Buffer metadata_;  // of the metric that is read
};

}  // namespace aura
