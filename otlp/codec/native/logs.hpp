// Log records: `LOGS` of pipeline/schema.py.
#pragma once

#include "request.hpp"

namespace aura {

template <bool keep>
class Logs {
 public:
  static constexpr bool kKeep = keep;
  Shared<keep> shared;

  std::vector<Column*> columns() {
    return fields(&shared.sequence, &shared.time, &shared.resource, &shared.scope, &time_unix_nano_,
                  &observed_time_unix_nano_, &severity_number_, &severity_text_, &body_.types,
                  &body_.texts, &attributes_.rows, &dropped_attributes_count_, &flags_, &trace_id_,
                  &span_id_, &event_name_);
  }

  [[gnu::always_inline]] void read(Reader in) {
    Fields log;
    while (uint32_t found = in.next()) read_field(log, in, found);
    attributes_.end();
    body_.add(log.body ? read_value(*log.body) : Value{});
    shared.verdicts.push_back(kValid);  // nothing refuses a log record
    add(log);
  }

 private:
  struct Fields {
    uint64_t time = 0, observed = 0;
    int32_t severity = 0;
    uint32_t dropped_attributes = 0, flags = 0;
    Bytes severity_text, trace_id, span_id, event_name;
    Single body;
  };

  [[gnu::always_inline]] void read_field(Fields& log, Reader& in, uint32_t found) {
    switch (found) {
      case tag(1, kFixed64): log.time = in.fixed64(); break;
      case tag(2, kVarint): log.severity = static_cast<int32_t>(in.varint32()); break;
      case tag(3, kBytes): log.severity_text = in.text(); break;
      case tag(5, kBytes): log.body.set(in.message()); break;
      case tag(6, kBytes): attributes_.add(in.message()); break;
      case tag(7, kVarint): log.dropped_attributes = in.varint32(); break;
      case tag(8, kFixed32): log.flags = in.fixed32(); break;
      case tag(9, kBytes): log.trace_id = in.bytes(); break;
      case tag(10, kBytes): log.span_id = in.bytes(); break;
      case tag(11, kFixed64): log.observed = in.fixed64(); break;
      case tag(12, kBytes): log.event_name = in.text(); break;
      default: in.skip(found);
    }
  }

  void add(const Fields& log) {
    shared.time.add(shared.window.effective(log.time, log.observed));
    time_unix_nano_.add(log.time);
    observed_time_unix_nano_.add(log.observed);
    severity_number_.add(log.severity);
    severity_text_.add(log.severity_text);
    dropped_attributes_count_.add(log.dropped_attributes);
    flags_.add(log.flags);
    trace_id_.add(log.trace_id);
    span_id_.add(log.span_id);
    event_name_.add(log.event_name);
  }

  Kept<keep, Numbers<uint64_t>> time_unix_nano_, observed_time_unix_nano_;
  Kept<keep, Numbers<int32_t>> severity_number_;
  Kept<keep, Dictionary> severity_text_, event_name_;
  Values<keep> body_;
  Attributes<keep> attributes_;
  Kept<keep, Numbers<uint32_t>> dropped_attributes_count_, flags_;
  Kept<keep, Identifiers<16>> trace_id_;
  Kept<keep, Identifiers<8>> span_id_;
};

}  // namespace aura
