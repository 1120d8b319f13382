// OTLP/JSON to OTLP protobuf, in one pass over the text.
//
// The meaning is that of `otlp/codec/json.py`, which also has the errors: what is wrong is Unclear
// here, and so is what is odd and would need more than one pass (a key that comes twice, two arms of
// a oneof, a key of the request that is not OTLP's).
#pragma once

#include "grammar.hpp"
#include "json_number.hpp"
#include "wire_writer.hpp"

namespace aura {

// Undoes hex; false for what is none.
inline bool unhex(Bytes text, Buffer& out) {
  if (text.size() % 2 != 0) return false;
  char* at = out.room(text.size() / 2);
  for (size_t index = 0; index < text.size(); index += 2) {
    uint8_t high = hex_digit(text[index]), low = hex_digit(text[index + 1]);
    if ((high | low) > 15) return false;
    *at++ = static_cast<char>(high << 4 | low);
  }
  out.wrote(text.size() / 2);
  return true;
}

inline uint32_t base64_digit(char digit) {
  if (digit >= 'A' && digit <= 'Z') return static_cast<uint32_t>(digit - 'A');
  if (digit >= 'a' && digit <= 'z') return static_cast<uint32_t>(digit - 'a' + 26);
  if (digit >= '0' && digit <= '9') return static_cast<uint32_t>(digit - '0' + 52);
  if (digit == '+' || digit == '-') return 62;
  if (digit == '/' || digit == '_') return 63;
  unclear();
}

// Undoes base64 of either alphabet, padded or not.
inline void unbase64(Bytes text, Buffer& out) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) unclear();
  uint32_t bits = 0, count = 0;
  for (char digit : text) {
    bits = bits << 6 | base64_digit(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push(static_cast<char>(bits >> count));
  }
}

class Transcoding {
 public:
  Transcoding(const Grammar& grammar, Bytes body) : grammar_(grammar), in_(body) {}

  // The request as protobuf, or several in a row as one, which in protobuf they are; may be called once.
  Buffer request(bool several = false) {
    do {
      content(grammar_.message(0), 0);
    } while (several && !in_.done());
    if (!in_.done()) unclear();
    return std::move(wire_.out());
  }

 private:
  static constexpr Bytes kInvalidId{"\xff", 1};

  void content(const MessageType& type, int depth) {
    if (depth > kDepthMax) unclear();
    in_.expect('{');
    if (in_.take('}')) return;
    uint64_t seen = 0, arms = 0;
    do {
      const Field* field = type.find(in_.plain(in_.text()));
      in_.expect(':');
      if (field == nullptr) {
        if (depth == 0) unclear();
        in_.skip();
        continue;
      }
      if ((seen & field->bit) != 0) unclear();
      seen |= field->bit;
      if (in_.null()) continue;
      if ((arms & field->arms) != 0) unclear();
      arms |= field->arms;
      if (field->repeated) {
        items(*field, depth);
      } else {
        item(*field, depth);
      }
    } while (in_.more('}'));
  }

  void items(const Field& field, int depth) {
    in_.expect('[');
    if (in_.take(']')) return;
    size_t start = field.packed ? wire_.open(field.tag) : 0;
    do {
      item(field, depth);
    } while (in_.more(']'));
    if (field.packed) wire_.close(start);
  }

  void item(const Field& field, int depth) {
    switch (field.type) {
      case kTypeMessage: return message(field, depth + 1);
      case kTypeText: return text(field);
      case kTypeHex: return identifier(field);
      case kTypeBytes: return binary(field);
      default: return number(field);
    }
  }

  void message(const Field& field, int depth) {
    size_t start = wire_.open(field.tag);
    if (field.repeated && in_.null()) {  // keeps its place, empty
      if (depth > kDepthMax) unclear();
    } else {
      content(grammar_.message(field.target), depth);
    }
    wire_.close(start);
  }

  void text(const Field& field) {
    JsonText text = in_.text();
    if (!text.escaped) return bytes(field, text.raw);
    size_t start = wire_.open(field.tag);
    JsonCursor::unescape(text.raw, wire_.out());
    wire_.close(start);
  }

  void identifier(const Field& field) {
    Bytes text = in_.plain(in_.text());
    undone_.truncate(0);
    bytes(field, unhex(text, undone_) ? Bytes(undone_.data(), undone_.size()) : kInvalidId);
  }

  void binary(const Field& field) {
    Bytes text = in_.plain(in_.text());
    undone_.truncate(0);
    unbase64(text, undone_);
    bytes(field, Bytes(undone_.data(), undone_.size()));
  }

  void bytes(const Field& field, Bytes value) {
    if (!value.empty() || field.presence) wire_.bytes(field.tag, value);
  }

  void number(const Field& field) {
    switch (field.type) {
      case kTypeDouble: return fixed(field, real());
      case kTypeFixed64: return fixed(field, integer<uint64_t>());
      case kTypeSfixed64: return fixed(field, integer<int64_t>());
      case kTypeFixed32: return fixed(field, integer<uint32_t>());
      case kTypeSfixed32: return fixed(field, integer<int32_t>());
      case kTypeInt64: return varint(field, static_cast<uint64_t>(integer<int64_t>()));
      case kTypeUint64: return varint(field, integer<uint64_t>());
      case kTypeInt32: return varint(field, extended(integer<int32_t>()));
      case kTypeUint32: return varint(field, integer<uint32_t>());
      case kTypeSint32: return varint(field, static_cast<uint32_t>(zigzag(integer<int32_t>())));
      case kTypeSint64: return varint(field, zigzag(integer<int64_t>()));
      case kTypeBool: return varint(field, in_.boolean());
      case kTypeEnum: return varint(field, extended(named(grammar_.values(field.target))));
      default: unclear();
    }
  }

  static uint64_t extended(int32_t number) { return static_cast<uint64_t>(int64_t{number}); }
  static uint64_t zigzag(int64_t number) {
    return static_cast<uint64_t>(number) << 1 ^ static_cast<uint64_t>(number >> 63);
  }

  void varint(const Field& field, uint64_t value) {
    if (value == 0 && !field.presence) return;
    if (!field.packed) wire_.varint(field.tag);
    wire_.varint(value);
  }

  template <class T>
  void fixed(const Field& field, T value) {
    if (!field.presence && is_zero(value)) return;
    if (!field.packed) wire_.varint(field.tag);
    wire_.out().push(value);
  }

  template <class T>
  static bool is_zero(T value) {
    if constexpr (std::is_floating_point_v<T>) {
      return value == 0 && !std::signbit(value);
    } else {
      return value == 0;
    }
  }

  template <class T>
  T integer() {
    return in_.peek() == '"' ? integer_of<T>(in_.plain(in_.text())) : integer_of<T>(in_.number());
  }

  int32_t named(const Names& names) {
    if (in_.peek() != '"') return integer_of<int32_t>(in_.number());
    Bytes text = in_.plain(in_.text());
    uint32_t found = names.find(text);
    return found == Names::kNone ? integer_of<int32_t>(text) : static_cast<int32_t>(found);
  }

  double real() {
    if (in_.peek() != '"') return double_of(in_.number());
    JsonText text = in_.text();
    if (text.raw == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text.raw == "Infinity") return std::numeric_limits<double>::infinity();
    if (text.raw == "-Infinity") return -std::numeric_limits<double>::infinity();
    JsonCursor digits(text.raw);
    JsonNumber number = digits.number();
    if (number.digits.size() != text.raw.size()) unclear();
    return double_of(number.digits);
  }

  const Grammar& grammar_;
  JsonCursor in_;
  WireWriter wire_;
  Buffer undone_;
};

}  // namespace aura
