// Records of plain JSON as OTLP: what `otlp/codec/meanings.py` makes of their keys, in the same order.
#pragma once

#include "plain_record.hpp"

namespace aura {

class PlainWriter {
 public:
  PlainWriter(WireWriter& wire, uint64_t now) : wire_(wire), values_(wire), now_(now) {}

  // A Resource: the service, and what is in the object `resource`.
  void resource(PlainRecord& record) {
    const Member* around = record.take_object(Role::kResource);
    const Member* service = record.take_text(Role::kService);
    bool named = service != nullptr && !service->source.empty();
    if (named) {
      values_.pair(tag(1, kBytes), kServiceName, [&] { values_.text(tag(1, kBytes), service->text()); });
    }
    if (around != nullptr) {
      values_.attributes(tag(1, kBytes), around->source, named ? kServiceName : Bytes());
    }
  }

  void log(PlainRecord& record) {
    const Member* number = record.take(Role::kSeverityNumber);
    const Member* level = record.take(Role::kLevel);
    bool named = level != nullptr && level->is_text();
    uint32_t severity = level == nullptr ? 0 : named ? record.severity(*level) : severity_of(*level);
    if (number != nullptr && severity_of(*number) != 0) severity = severity_of(*number);
    fixed(tag(1, kFixed64), time(record.take(Role::kTime), 0));
    varint(tag(2, kVarint), severity);
    if (named) values_.text(tag(3, kBytes), level->text());
    if (const Member* message = record.take(Role::kMessage, true)) {
      size_t body = wire_.open(tag(5, kBytes));
      value(*message);
      wire_.close(body);
    }
    const Member* trace = record.take(Role::kTraceId);
    const Member* span = record.take(Role::kSpanId);
    const Member* event = record.take(Role::kEventName);
    attributes(record, tag(6, kBytes));
    identifier<16>(tag(9, kBytes), trace);
    identifier<8>(tag(10, kBytes), span);
    fixed(tag(11, kFixed64), now_);
    text(tag(12, kBytes), event);
  }

  void span(PlainRecord& record) {
    Times times = span_times(record);
    if (!identifier<16>(tag(1, kBytes), record.take(Role::kTraceId))) unclear();
    if (!identifier<8>(tag(2, kBytes), record.take(Role::kSpanId))) unclear();
    identifier<8>(tag(4, kBytes), record.take(Role::kParentSpanId));
    text(tag(5, kBytes), record.take(Role::kName));
    varint(tag(6, kVarint), choice(record, Role::kKind));
    fixed(tag(7, kFixed64), times.start);
    fixed(tag(8, kFixed64), times.end);
    uint32_t code = choice(record, Role::kStatus);
    const Member* message = record.take(Role::kStatusMessage);
    attributes(record, tag(9, kBytes));
    if (code == 0 && message == nullptr) return;
    size_t status = wire_.open(tag(15, kBytes));
    text(tag(2, kBytes), message);
    varint(tag(3, kVarint), code);
    wire_.close(status);
  }

  void metric(PlainRecord& record) {
    constexpr uint32_t kCounter = 2, kDelta = 1, kCumulative = 2;
    const Member* name = record.take(Role::kName);
    if (name == nullptr) unclear();
    text(tag(1, kBytes), name);
    const Member* unit = record.take(Role::kUnit);
    text(tag(2, kBytes), record.take(Role::kDescription));
    text(tag(3, kBytes), unit);
    uint32_t type = choice(record, Role::kType);
    uint32_t delta = choice(record, Role::kTemporality);
    size_t data = wire_.open(type == 0 ? tag(5, kBytes) : tag(7, kBytes));
    size_t point = wire_.open(tag(1, kBytes));
    number_point(record);
    wire_.close(point);
    if (type != 0) {
      varint(tag(2, kVarint), delta != 0 ? kDelta : kCumulative);
      varint(tag(3, kVarint), type == kCounter);
    }
    wire_.close(data);
  }

 private:
  struct Times {
    uint64_t start, end;
  };

  static constexpr Bytes kServiceName = "service.name";
  static constexpr size_t kSeverities = 25;

  void number_point(PlainRecord& record) {
    fixed(tag(2, kFixed64), time(record.take(Role::kStart), 0));
    uint64_t at = time(record.take(Role::kTime), 0);
    fixed(tag(3, kFixed64), at != 0 ? at : now_);
    const Member* value = record.take(Role::kValue);
    if (value == nullptr) unclear();
    JsonNumber number = value->number();
    if (number.whole) {
      wire_.fixed(tag(6, kFixed64), integer_of<int64_t>(number.digits));
    } else {
      wire_.fixed(tag(4, kFixed64), double_of(number));
    }
    attributes(record, tag(7, kBytes));
  }

  Times span_times(PlainRecord& record) const {
    const Member* start = record.take(Role::kStart);
    const Member* end = record.take(Role::kEnd);
    uint64_t length = 0, end_ns = time(end, 0);
    if (const Member* duration = record.take(Role::kDuration)) {
      length = duration_ns(duration->word());
    } else if (const Member* duration_ms = record.take(Role::kDurationMs)) {
      length = decimal(*duration_ms).scaled(6);
    }
    uint64_t last = end_ns != 0 ? end_ns : now_;
    uint64_t start_ns = time(start, last > length ? last - length : 0);
    if (end != nullptr) return {start_ns, end_ns};
    return {start_ns, length > UINT64_MAX - start_ns ? UINT64_MAX : start_ns + length};
  }

  static uint64_t time(const Member* member, uint64_t otherwise) {
    if (member == nullptr) return otherwise;
    return member->is_text() ? instant_ns(member->word()) : unix_ns(decimal_of(member->number()));
  }

  static Decimal decimal(const Member& member) {
    return member.is_text() ? decimal_of(member.word()) : decimal_of(member.number());
  }

  static uint32_t severity_of(const Member& member) { return PlainRecord::small(member, kSeverities); }

  static uint32_t choice(PlainRecord& record, Role role) {
    const Member* member = record.take(role);
    return member == nullptr ? 0 : record.choice(role, *member);
  }

  // Hex digits, with hyphens or not; all zeros is no ID, and false.
  template <size_t size>
  bool identifier(uint32_t tag, const Member* member) {
    if (member == nullptr) return false;
    char id[size];
    size_t digits = 0;
    for (char character : member->word()) {
      if (character == '-') continue;
      uint8_t digit = hex_digit(character);
      if (digit > 15 || digits == 2 * size) unclear();
      char& byte = id[digits / 2];
      byte = static_cast<char>(digits++ % 2 == 0 ? digit << 4 : byte | digit);
    }
    if (digits != 2 * size) unclear();
    Bytes bytes(id, size);
    if (bytes.find_first_not_of('\0') == Bytes::npos) return false;
    wire_.bytes(tag, bytes);
    return true;
  }

  void text(uint32_t tag, const Member* member) {
    if (member != nullptr) values_.text(tag, member->text());
  }

  void varint(uint32_t tag, uint64_t value) {
    if (value == 0) return;
    wire_.varint(tag);
    wire_.varint(value);
  }

  void fixed(uint32_t tag, uint64_t value) {
    if (value != 0) wire_.fixed(tag, value);
  }

  // What nobody has taken, and then what is in the object `attributes`.
  void attributes(PlainRecord& record, uint32_t tag) {
    const Member* named = record.take_object(Role::kAttributes);
    record.each_left([&](const Member& member) {
      values_.pair(tag, member.key, [&] { value(member); });
    });
    if (named != nullptr) values_.attributes(tag, named->source);
  }

  void value(const Member& member) {
    if (member.is_text()) {
      values_.text(tag(1, kBytes), member.text());
    } else if (member.is_number()) {
      values_.number(member.number());
    } else {
      JsonCursor in(member.source);
      values_.value(in);
    }
  }

  WireWriter& wire_;
  ValueWriter values_;
  uint64_t now_;
};

}  // namespace aura
