// Spans: `SPANS` of pipeline/schema.py.
#pragma once

#include "request.hpp"

namespace aura {

template <bool keep>
struct Events {
  Kept<keep, Numbers<uint64_t>> time_unix_nano;
  Kept<keep, Texts> name;
  Attributes<keep> attributes;
  Kept<keep, Numbers<uint32_t>> dropped_attributes_count;
  Kept<keep, Struct> items{fields(&time_unix_nano, &name, &attributes.rows, &dropped_attributes_count)};
  Kept<keep, Lists> rows{&items};

  void add(Reader in) {
    uint64_t time = 0;
    Bytes text;
    uint32_t dropped = 0;
    while (uint32_t found = in.next()) {
      switch (found) {
        case tag(1, kFixed64): time = in.fixed64(); break;
        case tag(2, kBytes): text = in.text(); break;
        case tag(3, kBytes): attributes.add(in.message()); break;
        case tag(4, kVarint): dropped = in.varint32(); break;
        default: in.skip(found);
      }
    }
    time_unix_nano.add(time);
    name.add(text);
    attributes.end();
    dropped_attributes_count.add(dropped);
  }

  void end() { rows.end(time_unix_nano.size()); }
};

template <bool keep>
struct Links {
  Kept<keep, Identifiers<16>> trace_id;
  Kept<keep, Identifiers<8>> span_id;
  Kept<keep, Texts> trace_state;
  Attributes<keep> attributes;
  Kept<keep, Numbers<uint32_t>> dropped_attributes_count;
  Kept<keep, Numbers<uint32_t>> flags;
  Kept<keep, Struct> items{
      fields(&trace_id, &span_id, &trace_state, &attributes.rows, &dropped_attributes_count, &flags)};
  Kept<keep, Lists> rows{&items};

  // Returns whether the link was kept: one with invalid IDs is not.
  bool add(Reader in) {
    Bytes trace, span, state;
    uint32_t dropped = 0, bits = 0;
    size_t before = attributes.rows.size();
    while (uint32_t found = in.next()) {
      switch (found) {
        case tag(1, kBytes): trace = in.bytes(); break;
        case tag(2, kBytes): span = in.bytes(); break;
        case tag(3, kBytes): state = in.text(); break;
        case tag(4, kBytes): attributes.add(in.message()); break;
        case tag(5, kVarint): dropped = in.varint32(); break;
        case tag(6, kFixed32): bits = in.fixed32(); break;
        default: in.skip(found);
      }
    }
    if (!valid_trace_id(trace) || !valid_span_id(span)) {
      attributes.rows.truncate(before);
      return false;
    }
    trace_id.add(trace);
    span_id.add(span);
    trace_state.add(state);
    attributes.end();
    dropped_attributes_count.add(dropped);
    flags.add(bits);
    return true;
  }

  void end() { rows.end(flags.size()); }
};

struct Status {
  Bytes message;
  int32_t code = 0;
};

inline Status read_status(Reader in) {
  Status status;
  while (uint32_t found = in.next()) {
    switch (found) {
      case tag(2, kBytes): status.message = in.text(); break;
      case tag(3, kVarint): status.code = static_cast<int32_t>(in.varint32()); break;
      default: in.skip(found);
    }
  }
  return status;
}

template <bool keep>
class Spans {
 public:
  static constexpr bool kKeep = keep;
  Shared<keep> shared;

  std::vector<Column*> columns() {
    return fields(&shared.sequence, &shared.time, &shared.resource, &shared.scope, &trace_id_, &span_id_,
                  &parent_span_id_, &trace_state_, &flags_, &name_, &kind_, &start_time_unix_nano_,
                  &end_time_unix_nano_, &attributes_.rows, &dropped_attributes_count_, &events_.rows,
                  &dropped_events_count_, &links_.rows, &dropped_links_count_, &status_code_,
                  &status_message_);
  }

  [[gnu::always_inline]] void read(Reader in) {
    Fields span;
    while (uint32_t found = in.next()) read_field(span, in, found);
    attributes_.end();
    events_.end();
    links_.end();
    Rule rule = verdict(span);
    shared.verdicts.push_back(rule);
    Status status;
    if (span.status) status = read_status(*span.status);
    add(span, status);
  }

 private:
  struct Fields {
    Bytes trace_id, span_id, parent_span_id, trace_state, name;
    uint32_t flags = 0, dropped_attributes = 0, dropped_events = 0, dropped_links = 0;
    int32_t kind = 0;
    uint64_t start = 0, end = 0, invalid_links = 0;
    Single status;
  };

  [[gnu::always_inline]] void read_field(Fields& span, Reader& in, uint32_t found) {
    switch (found) {
      case tag(1, kBytes): span.trace_id = in.bytes(); break;
      case tag(2, kBytes): span.span_id = in.bytes(); break;
      case tag(3, kBytes): span.trace_state = in.text(); break;
      case tag(4, kBytes): span.parent_span_id = in.bytes(); break;
      case tag(5, kBytes): span.name = in.text(); break;
      case tag(6, kVarint): span.kind = static_cast<int32_t>(in.varint32()); break;
      case tag(7, kFixed64): span.start = in.fixed64(); break;
      case tag(8, kFixed64): span.end = in.fixed64(); break;
      case tag(9, kBytes): attributes_.add(in.message()); break;
      case tag(10, kVarint): span.dropped_attributes = in.varint32(); break;
      case tag(11, kBytes): events_.add(in.message()); break;
      case tag(12, kVarint): span.dropped_events = in.varint32(); break;
      case tag(13, kBytes): span.invalid_links += !links_.add(in.message()); break;
      case tag(14, kVarint): span.dropped_links = in.varint32(); break;
      case tag(15, kBytes): span.status.set(in.message()); break;
      case tag(16, kFixed32): span.flags = in.fixed32(); break;
      default: in.skip(found);
    }
  }

  static Rule verdict(const Fields& span) {
    if (!valid_trace_id(span.trace_id)) return kTraceId;
    if (!valid_span_id(span.span_id)) return kSpanId;
    size_t parent = span.parent_span_id.size();
    return parent == 0 || parent == 8 ? kValid : kParentSpanId;
  }

  void add(const Fields& span, const Status& status) {
    shared.time.add(shared.window.effective(span.start, 0));
    trace_id_.add(span.trace_id);
    span_id_.add(span.span_id);
    parent_span_id_.add(span.parent_span_id);
    trace_state_.add(span.trace_state);
    flags_.add(span.flags);
    name_.add(span.name);
    kind_.add(span.kind);
    start_time_unix_nano_.add(span.start);
    end_time_unix_nano_.add(span.end);
    dropped_attributes_count_.add(span.dropped_attributes);
    dropped_events_count_.add(span.dropped_events);
    uint64_t dropped = span.dropped_links + span.invalid_links;
    dropped_links_count_.add(static_cast<uint32_t>(std::min<uint64_t>(dropped, UINT32_MAX)));
    status_code_.add(status.code);
    status_message_.add(status.message);
  }

  Kept<keep, Identifiers<16>> trace_id_;
  Kept<keep, Identifiers<8>> span_id_, parent_span_id_;
  Kept<keep, Dictionary> trace_state_, name_;
  Kept<keep, Numbers<uint32_t>> flags_, dropped_attributes_count_, dropped_events_count_,
      dropped_links_count_;
  Kept<keep, Numbers<int32_t>> kind_, status_code_;
  Kept<keep, Numbers<uint64_t>> start_time_unix_nano_, end_time_unix_nano_;
  Attributes<keep> attributes_;
  Events<keep> events_;
  Links<keep> links_;
  Kept<keep, Texts> status_message_;
};

}  // namespace aura
