// Log records: `LOGS` of pipeline/schema.py to OTLP's message.
#pragma once

#include "value_writer.hpp"

namespace aura {

struct LogCells {
  explicit LogCells(Fields in)
      : resource(in.next()),
        scope(in.next()),
        time_unix_nano(in.next()),
        observed_time_unix_nano(in.next()),
        severity_number(in.next()),
        severity_text(in.next()),
        body_type(in.next()),
        body(in.next()),
        attributes(in.next()),
        dropped_attributes_count(in.next()),
        flags(in.next()),
        trace_id(in.next()),
        span_id(in.next()),
        event_name(in.next()) {}

  TextCells resource, scope;
  NumberCells<uint64_t> time_unix_nano, observed_time_unix_nano;
  NumberCells<int32_t> severity_number;
  TextCells severity_text;
  NumberCells<uint8_t> body_type;
  TextCells body;
  AttributeCells attributes;
  NumberCells<uint32_t> dropped_attributes_count, flags;
  IdentifierCells<16> trace_id;
  IdentifierCells<8> span_id;
  TextCells event_name;
};

class LogsWriter {
 public:
  using Cells = LogCells;

  void write(WireWriter& out, const LogCells& cells, size_t row) {
    constexpr size_t kLength = 2;  // of most log records: 128 bytes to 16 KiB
    size_t start = out.open(tag(2, kBytes), kLength);
    write_fixed(out, tag(1, kFixed64), cells.time_unix_nano[row]);
    write_varint(out, tag(2, kVarint), extended(cells.severity_number[row]));
    write_bytes(out, tag(3, kBytes), cells.severity_text[row]);
    uint8_t type = cells.body_type[row];
    if (type != kEmpty) write_value(out, tag(5, kBytes), type, cells.body[row]);
    cells.attributes.write(out, tag(6, kBytes), row);
    write_varint(out, tag(7, kVarint), cells.dropped_attributes_count[row]);
    write_fixed(out, tag(8, kFixed32), cells.flags[row]);
    write_bytes(out, tag(9, kBytes), cells.trace_id.unless_zero(row));
    write_bytes(out, tag(10, kBytes), cells.span_id.unless_zero(row));
    write_fixed(out, tag(11, kFixed64), cells.observed_time_unix_nano[row]);
    write_bytes(out, tag(12, kBytes), cells.event_name[row]);
    out.close(start, kLength);
  }
  void end(WireWriter&) {}
};

}  // namespace aura
