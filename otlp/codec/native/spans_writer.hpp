// Spans: `SPANS` of pipeline/schema.py to OTLP's message.
#pragma once

#include "value_writer.hpp"

namespace aura {

class EventCells {
 public:
  explicit EventCells(Slice of) : EventCells(of, Fields(of.items())) {}

  void write(WireWriter& out, uint32_t tag_of_it, size_t row) const {
    auto [begin, end] = rows_[row];
    for (size_t item = begin; item < end; ++item) {
      size_t start = out.open(tag_of_it);
      write_fixed(out, tag(1, kFixed64), time_unix_nano_[item]);
      write_bytes(out, tag(2, kBytes), name_[item]);
      attributes_.write(out, tag(3, kBytes), item);
      write_varint(out, tag(4, kVarint), dropped_attributes_count_[item]);
      out.close(start);
    }
  }

 private:
  EventCells(Slice of, Fields in)
      : rows_(of),
        time_unix_nano_(in.next()),
        name_(in.next()),
        attributes_(in.next()),
        dropped_attributes_count_(in.next()) {}

  Ranges rows_;
  NumberCells<uint64_t> time_unix_nano_;
  TextCells name_;
  AttributeCells attributes_;
  NumberCells<uint32_t> dropped_attributes_count_;
};

class LinkCells {
 public:
  explicit LinkCells(Slice of) : LinkCells(of, Fields(of.items())) {}

  void write(WireWriter& out, uint32_t tag_of_it, size_t row) const {
    auto [begin, end] = rows_[row];
    for (size_t item = begin; item < end; ++item) {
      size_t start = out.open(tag_of_it);
      write_bytes(out, tag(1, kBytes), trace_id_[item]);
      write_bytes(out, tag(2, kBytes), span_id_[item]);
      write_bytes(out, tag(3, kBytes), trace_state_[item]);
      attributes_.write(out, tag(4, kBytes), item);
      write_varint(out, tag(5, kVarint), dropped_attributes_count_[item]);
      write_fixed(out, tag(6, kFixed32), flags_[item]);
      out.close(start);
    }
  }

 private:
  LinkCells(Slice of, Fields in)
      : rows_(of),
        trace_id_(in.next()),
        span_id_(in.next()),
        trace_state_(in.next()),
        attributes_(in.next()),
        dropped_attributes_count_(in.next()),
        flags_(in.next()) {}

  Ranges rows_;
  IdentifierCells<16> trace_id_;
  IdentifierCells<8> span_id_;
  TextCells trace_state_;
  AttributeCells attributes_;
  NumberCells<uint32_t> dropped_attributes_count_, flags_;
};

struct SpanCells {
  explicit SpanCells(Fields in)
      : resource(in.next()),
        scope(in.next()),
        trace_id(in.next()),
        span_id(in.next()),
        parent_span_id(in.next()),
        trace_state(in.next()),
        flags(in.next()),
        name(in.next()),
        kind(in.next()),
        start_time_unix_nano(in.next()),
        end_time_unix_nano(in.next()),
        attributes(in.next()),
        dropped_attributes_count(in.next()),
        events(in.next()),
        dropped_events_count(in.next()),
        links(in.next()),
        dropped_links_count(in.next()),
        status_code(in.next()),
        status_message(in.next()) {}

  TextCells resource, scope;
  IdentifierCells<16> trace_id;
  IdentifierCells<8> span_id, parent_span_id;
  TextCells trace_state;
  NumberCells<uint32_t> flags;
  TextCells name;
  NumberCells<int32_t> kind;
  NumberCells<uint64_t> start_time_unix_nano, end_time_unix_nano;
  AttributeCells attributes;
  NumberCells<uint32_t> dropped_attributes_count;
  EventCells events;
  NumberCells<uint32_t> dropped_events_count;
  LinkCells links;
  NumberCells<uint32_t> dropped_links_count;
  NumberCells<int32_t> status_code;
  TextCells status_message;
};

class SpansWriter {
 public:
  using Cells = SpanCells;

  void write(WireWriter& out, const SpanCells& cells, size_t row) {
    constexpr size_t kLength = 2;  // of most spans: 128 bytes to 16 KiB
    size_t start = out.open(tag(2, kBytes), kLength);
    write_bytes(out, tag(1, kBytes), cells.trace_id[row]);
    write_bytes(out, tag(2, kBytes), cells.span_id[row]);
    write_bytes(out, tag(3, kBytes), cells.trace_state[row]);
    write_bytes(out, tag(4, kBytes), cells.parent_span_id.unless_zero(row));
    write_bytes(out, tag(5, kBytes), cells.name[row]);
    write_varint(out, tag(6, kVarint), extended(cells.kind[row]));
    write_fixed(out, tag(7, kFixed64), cells.start_time_unix_nano[row]);
    write_fixed(out, tag(8, kFixed64), cells.end_time_unix_nano[row]);
    cells.attributes.write(out, tag(9, kBytes), row);
    write_varint(out, tag(10, kVarint), cells.dropped_attributes_count[row]);
    cells.events.write(out, tag(11, kBytes), row);
    write_varint(out, tag(12, kVarint), cells.dropped_events_count[row]);
    cells.links.write(out, tag(13, kBytes), row);
    write_varint(out, tag(14, kVarint), cells.dropped_links_count[row]);
    write_status(out, cells.status_code[row], cells.status_message[row]);
    write_fixed(out, tag(16, kFixed32), cells.flags[row]);
    out.close(start, kLength);
  }
  void end(WireWriter&) {}

 private:
  static void write_status(WireWriter& out, int32_t code, Bytes message) {
    if (code == 0 && message.empty()) return;
    size_t start = out.open(tag(15, kBytes));
    write_bytes(out, tag(2, kBytes), message);
    write_varint(out, tag(3, kVarint), extended(code));
    out.close(start);
  }
};

}  // namespace aura
