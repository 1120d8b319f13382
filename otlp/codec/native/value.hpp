// AnyValue and KeyValue: read, checked, and written as the text form of `pipeline/value.py`.
#pragma once

#include "json_text.hpp"
#include "utf8.hpp"

namespace aura {

// The types of `pipeline/value.py`: the number of the field that is set.
enum Type : uint8_t { kEmpty = 0, kString = 1, kBool = 2, kInt = 3, kDouble = 4, kArray = 5, kMap = 6, kBinary = 7 };

struct Value {
  Type type = kEmpty;
  Bytes bytes;        // kString, kBinary
  uint64_t bits = 0;  // kBool, kInt, kDouble
  Reader nested;      // kArray, kMap

  double number() const {
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
};

[[gnu::always_inline]] inline Value read_value(Reader in) {
  Value value;
  bool set = false;
  while (uint32_t found = in.next()) {
    Type type = kEmpty;
    switch (found) {
      case tag(1, kBytes): type = kString; value.bytes = in.text(); break;
      case tag(2, kVarint): type = kBool; value.bits = in.varint(); break;
      case tag(3, kVarint): type = kInt; value.bits = in.varint(); break;
      case tag(4, kFixed64): type = kDouble; value.bits = in.fixed64(); break;
      case tag(5, kBytes): type = kArray; value.nested = in.message(); break;
      case tag(6, kBytes): type = kMap; value.nested = in.message(); break;
      case tag(7, kBytes): type = kBinary; value.bytes = in.bytes(); break;
      case tag(8, kVarint): in.varint(); break;  // has a meaning in profiles only
      default: in.skip(found); continue;
    }
    if (set) unclear();  // a oneof that is set twice is for protobuf to sort out
    set = true;
    value.type = type;
  }
  return value;
}

struct Attribute {
  Bytes key;
  Value value;
};

[[gnu::always_inline]] inline Attribute read_attribute(Reader in) {
  Attribute attribute;
  Single value;
  while (uint32_t found = in.next()) {
    switch (found) {
      case tag(1, kBytes): attribute.key = in.text(); break;
      case tag(2, kBytes): value.set(in.message()); break;
      default: in.skip(found);
    }
  }
  if (value) attribute.value = read_value(*value);
  return attribute;
}

// The form in which nearly all attributes come: a key, then a value that is a string or an integer,
// each of less than 128 bytes. It is told by its first bytes, and read without a loop over fields.
struct UsualAttribute {
  Bytes key;
  Bytes text;
  int64_t number = 0;
  bool is_text = false;

  // Returns whether it has that form; if not, `read_attribute` says what it is.
  [[gnu::always_inline]] bool read(Reader in) {
    constexpr size_t kTags = 6;  // tags and lengths of key, value and string
    Bytes all = in.rest();
    if (all.size() < kTags || !in.nests()) return false;
    const char* at = all.data();
    size_t key_size = byte(at + 1);
    if (byte(at) != tag(1, kBytes) || key_size >= 0x80 || key_size > all.size() - kTags) return false;
    key = Bytes(at + 2, key_size);
    at += 2 + key_size;
    size_t held = all.size() - key_size - 4;  // what the value holds
    if (byte(at) != tag(2, kBytes) || byte(at + 1) != held || held >= 0x80) return false;
    is_text = byte(at + 2) == tag(1, kBytes);
    if (is_text) {
      if (byte(at + 3) != held - 2) return false;
      text = Bytes(at + 4, held - 2);
      // Tags and lengths are ASCII as well: one look at everything.
      if (!is_ascii(all.data(), all.size()) && !(is_utf8(key) && is_utf8(text))) unclear();
      return true;
    }
    if (byte(at + 2) != tag(3, kVarint)) return false;
    Reader digits = in.within(Bytes(at + 3, held - 1));
    number = static_cast<int64_t>(digits.varint());
    if (!is_utf8(key)) unclear();
    return digits.done();
  }

 private:
  static size_t byte(const char* at) { return static_cast<uint8_t>(*at); }
};

// Calls back with each value of an ArrayValue, or each pair of a KeyValueList.
template <class Each>
void each_nested(Reader in, Each each) {
  while (uint32_t found = in.next()) {
    if (found == tag(1, kBytes)) {
      each(in.message());
    } else {
      in.skip(found);
    }
  }
}

// Reads what is nested in a value to its end; the nesting is bounded by the reader.
inline void check_value(const Value& value) {
  if (value.type == kArray) {
    each_nested(value.nested, [](Reader item) { check_value(read_value(item)); });
  } else if (value.type == kMap) {
    each_nested(value.nested, [](Reader pair) { check_value(read_attribute(pair).value); });
  }
}

void write_json(Buffer& out, const Value& value);

inline void write_json_array(Buffer& out, Reader values) {
  out.push('[');
  bool first = true;
  each_nested(values, [&](Reader item) {
    if (!std::exchange(first, false)) out.push(',');
    write_json(out, read_value(item));
  });
  out.push(']');
}

inline void write_json_map(Buffer& out, Reader pairs) {
  size_t start = out.size();
  size_t count = 0;
  bool special = false;
  out.push('{');
  each_nested(pairs, [&](Reader pair) {
    Attribute attribute = read_attribute(pair);
    if (count++ > 0) out.push(',');
    special = !attribute.key.empty() && attribute.key.front() == '$';
    write_json_text(out, attribute.key);
    out.push(':');
    write_json(out, attribute.value);
  });
  out.push('}');
  if (count == 1 && special) {
    out.insert(start, "{\"$map\":");
    out.push('}');
  }
}

inline void write_json(Buffer& out, const Value& value) {
  switch (value.type) {
    case kEmpty: out.append("null"); return;
    case kString: write_json_text(out, value.bytes); return;
    case kBool: out.append(value.bits != 0 ? "true" : "false"); return;
    case kInt: write_int(out, static_cast<int64_t>(value.bits)); return;
    case kArray: write_json_array(out, value.nested); return;
    case kMap: write_json_map(out, value.nested); return;
    case kBinary:
      out.append("{\"$bytes\":\"");
      write_base64(out, value.bytes);
      out.append("\"}");
      return;
    case kDouble:
      if (std::isfinite(value.number())) {
        write_finite(out, value.number());
      } else {
        out.append("{\"$double\":\"");
        write_double(out, value.number());
        out.append("\"}");
      }
  }
}

inline void write_text(Buffer& out, const Value& value) {
  switch (value.type) {
    case kEmpty: return;
    case kString: out.append(value.bytes); return;
    case kDouble: write_double(out, value.number()); return;
    case kBinary: write_base64(out, value.bytes); return;
    default: write_json(out, value);  // a bool and an int are the same in JSON
  }
}

}  // namespace aura
