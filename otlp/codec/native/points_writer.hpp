// Data points: `POINTS` of pipeline/schema.py to OTLP's metrics.
//
// Consecutive rows whose metric's own columns are equal are points of one metric.
#pragma once

#include <optional>

#include "envelope_writer.hpp"
#include "point.hpp"

namespace aura {

class ExemplarCells {
 public:
  explicit ExemplarCells(Slice of) : ExemplarCells(of, Fields(of.items())) {}

  void write(WireWriter& out, uint32_t tag_of_it, size_t row) const {
    auto [begin, end] = rows_[row];
    for (size_t item = begin; item < end; ++item) {
      size_t start = out.open(tag_of_it);
      write_fixed(out, tag(2, kFixed64), time_unix_nano_[item]);
      bool whole = value_int_.has(item);
      if (!whole && value_double_.has(item)) out.fixed(tag(3, kFixed64), value_double_[item]);
      write_bytes(out, tag(4, kBytes), span_id_.unless_zero(item));
      write_bytes(out, tag(5, kBytes), trace_id_.unless_zero(item));
      if (whole) out.fixed(tag(6, kFixed64), value_int_[item]);
      filtered_attributes_.write(out, tag(7, kBytes), item);
      out.close(start);
    }
  }

 private:
  ExemplarCells(Slice of, Fields in)
      : rows_(of),
        time_unix_nano_(in.next()),
        value_double_(in.next()),
        value_int_(in.next()),
        span_id_(in.next()),
        trace_id_(in.next()),
        filtered_attributes_(in.next()) {}

  Ranges rows_;
  NumberCells<uint64_t> time_unix_nano_;
  NumberCells<double> value_double_;
  NumberCells<int64_t> value_int_;
  IdentifierCells<8> span_id_;
  IdentifierCells<16> trace_id_;
  AttributeCells filtered_attributes_;
};

class QuantileCells {
 public:
  explicit QuantileCells(Slice of) : QuantileCells(of, Fields(of.items())) {}

  void write(WireWriter& out, uint32_t tag_of_it, size_t row) const {
    auto [begin, end] = rows_[row];
    for (size_t item = begin; item < end; ++item) {
      size_t start = out.open(tag_of_it);
      write_fixed(out, tag(1, kFixed64), quantile_[item]);
      write_fixed(out, tag(2, kFixed64), value_[item]);
      out.close(start);
    }
  }

 private:
  QuantileCells(Slice of, Fields in) : rows_(of), quantile_(in.next()), value_(in.next()) {}

  Ranges rows_;
  NumberCells<double> quantile_, value_;
};

struct PointCells {
  explicit PointCells(Fields in)
      : resource(in.next()),
        scope(in.next()),
        metric_name(in.next()),
        metric_description(in.next()),
        metric_unit(in.next()),
        metric_metadata(in.next()),
        metric_type(in.next()),
        aggregation_temporality(in.next()),
        is_monotonic(in.next()),
        attributes(in.next()),
        start_time_unix_nano(in.next()),
        time_unix_nano(in.next()),
        flags(in.next()),
        exemplars(in.next()),
        value_double(in.next()),
        value_int(in.next()),
        count(in.next()),
        sum(in.next()),
        min(in.next()),
        max(in.next()),
        bucket_counts(in.next()),
        explicit_bounds(in.next()),
        scale(in.next()),
        zero_count(in.next()),
        zero_threshold(in.next()),
        positive_offset(in.next()),
        positive_bucket_counts(in.next()),
        negative_offset(in.next()),
        negative_bucket_counts(in.next()),
        quantile_values(in.next()) {}

  TextCells resource, scope, metric_name, metric_description, metric_unit, metric_metadata;
  NumberCells<uint8_t> metric_type;
  NumberCells<int32_t> aggregation_temporality;
  BooleanCells is_monotonic;
  AttributeCells attributes;
  NumberCells<uint64_t> start_time_unix_nano, time_unix_nano;
  NumberCells<uint32_t> flags;
  ExemplarCells exemplars;
  NumberCells<double> value_double;
  NumberCells<int64_t> value_int;
  NumberCells<uint64_t> count;
  NumberCells<double> sum, min, max;
  RunCells<uint64_t> bucket_counts;
  RunCells<double> explicit_bounds;
  NumberCells<int32_t> scale;
  NumberCells<uint64_t> zero_count;
  NumberCells<double> zero_threshold;
  NumberCells<int32_t> positive_offset;
  RunCells<uint64_t> positive_bucket_counts;
  NumberCells<int32_t> negative_offset;
  RunCells<uint64_t> negative_bucket_counts;
  QuantileCells quantile_values;
};

// What is the same in all rows of a metric.
struct MetricFields {
  Bytes name, description, unit, metadata;
  uint8_t type;
  int32_t temporality;
  bool monotonic;

  MetricFields(const PointCells& cells, size_t row)
      : name(cells.metric_name[row]),
        description(cells.metric_description[row]),
        unit(cells.metric_unit[row]),
        metadata(cells.metric_metadata[row]),
        type(cells.metric_type[row]),
        temporality(cells.aggregation_temporality[row]),
        monotonic(cells.is_monotonic[row]) {}

  bool operator==(const MetricFields& other) const {
    return type == other.type && temporality == other.temporality && monotonic == other.monotonic &&
           name == other.name && unit == other.unit && description == other.description &&
           metadata == other.metadata;
  }
};

class PointsWriter {
 public:
  using Cells = PointCells;

  void write(WireWriter& out, const PointCells& cells, size_t row) {
    MetricFields metric(cells, row);
    if (!metric_ || !(*metric_ == metric)) {
      end(out);
      begin(out, metric);
    }
    size_t start = out.open(tag(1, kBytes));
    write_point(out, cells, row);
    out.close(start);
  }

  // Ends the metric that was begun, if one was.
  void end(WireWriter& out) {
    if (!metric_) return;
    if (metric_->type != kGauge && metric_->type != kSummary) {
      write_varint(out, tag(2, kVarint), extended(metric_->temporality));
    }
    if (metric_->type == kSum) write_varint(out, tag(3, kVarint), metric_->monotonic);
    out.close(data_, kLength);
    if (!metric_->metadata.empty()) EnvelopeWriter(out, metric_->metadata).write_attributes(tag(12, kBytes));
    out.close(start_, kLength);
    metric_.reset();
  }

 private:
  static constexpr size_t kLength = 2;  // of most metrics: 128 bytes to 16 KiB

  void begin(WireWriter& out, const MetricFields& metric) {
    start_ = out.open(tag(2, kBytes), kLength);
    write_bytes(out, tag(1, kBytes), metric.name);
    write_bytes(out, tag(2, kBytes), metric.description);
    write_bytes(out, tag(3, kBytes), metric.unit);
    data_ = out.open(tag(metric.type, kBytes), kLength);
    metric_ = metric;
  }

  void write_point(WireWriter& out, const PointCells& cells, size_t row) {
    switch (metric_->type) {
      case kGauge:
      case kSum: return write_number(out, cells, row);
      case kHistogram: return write_histogram(out, cells, row);
      case kExponentialHistogram: return write_exponential_histogram(out, cells, row);
      case kSummary: return write_summary(out, cells, row);
      default: unclear();
    }
  }

  static void write_times(WireWriter& out, const PointCells& cells, size_t row) {
    write_fixed(out, tag(2, kFixed64), cells.start_time_unix_nano[row]);
    write_fixed(out, tag(3, kFixed64), cells.time_unix_nano[row]);
  }

  static void write_optional(WireWriter& out, uint32_t tag, const NumberCells<double>& cells, size_t row) {
    if (cells.has(row)) out.fixed(tag, cells[row]);
  }

  static void write_number(WireWriter& out, const PointCells& cells, size_t row) {
    write_times(out, cells, row);
    bool whole = cells.value_int.has(row);
    if (!whole) write_optional(out, tag(4, kFixed64), cells.value_double, row);
    cells.exemplars.write(out, tag(5, kBytes), row);
    if (whole) out.fixed(tag(6, kFixed64), cells.value_int[row]);
    cells.attributes.write(out, tag(7, kBytes), row);
    write_varint(out, tag(8, kVarint), cells.flags[row]);
  }

  static void write_histogram(WireWriter& out, const PointCells& cells, size_t row) {
    write_times(out, cells, row);
    write_fixed(out, tag(4, kFixed64), cells.count[row]);
    write_optional(out, tag(5, kFixed64), cells.sum, row);
    write_bytes(out, tag(6, kBytes), cells.bucket_counts[row]);
    write_bytes(out, tag(7, kBytes), cells.explicit_bounds[row]);
    cells.exemplars.write(out, tag(8, kBytes), row);
    cells.attributes.write(out, tag(9, kBytes), row);
    write_varint(out, tag(10, kVarint), cells.flags[row]);
    write_optional(out, tag(11, kFixed64), cells.min, row);
    write_optional(out, tag(12, kFixed64), cells.max, row);
  }

  static void write_exponential_histogram(WireWriter& out, const PointCells& cells, size_t row) {
    cells.attributes.write(out, tag(1, kBytes), row);
    write_times(out, cells, row);
    write_fixed(out, tag(4, kFixed64), cells.count[row]);
    write_optional(out, tag(5, kFixed64), cells.sum, row);
    write_sint32(out, tag(6, kVarint), cells.scale[row]);
    write_fixed(out, tag(7, kFixed64), cells.zero_count[row]);
    write_buckets(out, tag(8, kBytes), cells.positive_offset[row], cells.positive_bucket_counts[row]);
    write_buckets(out, tag(9, kBytes), cells.negative_offset[row], cells.negative_bucket_counts[row]);
    write_varint(out, tag(10, kVarint), cells.flags[row]);
    cells.exemplars.write(out, tag(11, kBytes), row);
    write_optional(out, tag(12, kFixed64), cells.min, row);
    write_optional(out, tag(13, kFixed64), cells.max, row);
    write_fixed(out, tag(14, kFixed64), cells.zero_threshold[row]);
  }

  static void write_buckets(WireWriter& out, uint32_t tag_of_it, int32_t offset, Bytes counts) {
    if (offset == 0 && counts.empty()) return;
    size_t start = out.open(tag_of_it);
    write_sint32(out, tag(1, kVarint), offset);
    if (!counts.empty()) {
      size_t run = out.open(tag(2, kBytes));
      for (size_t at = 0; at < counts.size(); at += sizeof(uint64_t)) out.varint(eight(counts.data() + at));
      out.close(run);
    }
    out.close(start);
  }

  static void write_summary(WireWriter& out, const PointCells& cells, size_t row) {
    write_times(out, cells, row);
    write_fixed(out, tag(4, kFixed64), cells.count[row]);
    write_fixed(out, tag(5, kFixed64), cells.sum[row]);
    cells.quantile_values.write(out, tag(6, kBytes), row);
    cells.attributes.write(out, tag(7, kBytes), row);
    write_varint(out, tag(8, kVarint), cells.flags[row]);
  }

  std::optional<MetricFields> metric_;
  size_t start_ = 0, data_ = 0;
};

}  // namespace aura
