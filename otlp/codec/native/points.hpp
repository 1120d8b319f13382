// Data points: `POINTS` of pipeline/schema.py. A metric's own fields stand in each of its rows.
#pragma once

#include "point.hpp"
#include "request.hpp"

namespace aura {

template <bool keep>
class Points {
 public:
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
    Buffer metadata;
    AttributeList listed(metadata);
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
    metric.metadata = Bytes(metadata.data(), metadata.size());
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
    lists_.begin();
    read_point(type, in, point, lists_);
    lists_.end();
    shared.verdicts.push_back(verdict(type, point, lists_));
    add(point);
  }

  void add(const Point& point) {
    shared.time.add(shared.window.effective(point.time, 0));
    start_time_unix_nano_.add(point.start);
    time_unix_nano_.add(point.time);
    flags_.add(point.flags);
    values_.add(point.value);
    count_.add(point.count);
    add(sum_, point.sum);
    add(min_, point.min);
    add(max_, point.max);
    scale_.add(point.scale);
    zero_count_.add(point.zero_count);
    zero_threshold_.add(point.zero_threshold);
    positive_offset_.add(point.positive_offset);
    negative_offset_.add(point.negative_offset);
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
};

}  // namespace aura
