// AnyValue and KeyValue, written from the type and text of `pipeline/value.py`.
#pragma once

#include "cells.hpp"
#include "transcode.hpp"
#include "value.hpp"

namespace aura {

// Fields at their default are left out, as protobuf leaves them out.
inline void write_bytes(WireWriter& out, uint32_t tag, Bytes bytes) {
  if (!bytes.empty()) out.bytes(tag, bytes);
}

inline void write_varint(WireWriter& out, uint32_t tag, uint64_t number) {
  if (number == 0) return;
  out.varint(tag);
  out.varint(number);
}

template <class T>
void write_fixed(WireWriter& out, uint32_t tag, T value) {
  static const char kZeros[sizeof value] = {};
  if (std::memcmp(&value, kZeros, sizeof value) != 0) out.fixed(tag, value);  // -0.0 is no default
}

// An enum or an int32: negative numbers have ten bytes.
inline uint64_t extended(int32_t number) { return static_cast<uint64_t>(int64_t{number}); }

inline void write_sint32(WireWriter& out, uint32_t tag, int32_t number) {
  write_varint(out, tag, static_cast<uint32_t>(number) << 1 ^ static_cast<uint32_t>(number >> 31));
}

// A double's text: Python's names for what is not finite, else a JSON number.
inline double double_of_text(Bytes text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  const std::string ended(text);  // `double_of` may read what stands behind
  JsonCursor in{Bytes(ended)};
  JsonNumber number = in.number();
  if (!in.done()) unclear();
  return double_of(number.digits);
}

inline void write_unescaped(WireWriter& out, uint32_t tag, JsonText text) {
  if (!text.escaped) return out.bytes(tag, text.raw);
  size_t start = out.open(tag);
  JsonCursor::unescape(text.raw, out.out());
  out.close(start);
}

inline void write_binary(WireWriter& out, Bytes base64) {
  size_t start = out.open(tag(kBinary, kBytes));
  unbase64(base64, out.out());
  out.close(start);
}

// What an array or a map holds as JSON, written as the arms of AnyValue.
class JsonValueWriter {
 public:
  explicit JsonValueWriter(WireWriter& out) : out_(out) {}

  void write(Bytes json) {
    JsonCursor in(json);
    write(in, kDepthMax);
    if (!in.done()) unclear();
  }

 private:
  void write(JsonCursor& in, int room) {
    if (room == 0) unclear();
    switch (in.peek()) {
      case 'n': in.null(); return;
      case '"': write_unescaped(out_, tag(kString, kBytes), in.text()); return;
      case 't':
      case 'f':
        out_.varint(tag(kBool, kVarint));
        out_.varint(in.boolean());
        return;
      case '[': array(in, room); return;
      case '{': object(in, room); return;
      default: number(in.number());
    }
  }

  void number(JsonNumber found) {
    if (found.whole) {
      out_.varint(tag(kInt, kVarint));
      out_.varint(static_cast<uint64_t>(integer_of<int64_t>(found)));
    } else {
      out_.fixed(tag(kDouble, kFixed64), double_of_text(found.digits));
    }
  }

  void array(JsonCursor& in, int room) {
    size_t start = out_.open(tag(kArray, kBytes));
    in.expect('[');
    if (!in.take(']')) {
      do {
        size_t item = out_.open(tag(1, kBytes));
        write(in, room - 1);
        out_.close(item);
      } while (in.more(']'));
    }
    out_.close(start);
  }

  // A map, or what is meant by one whose only key begins with `$`.
  void object(JsonCursor& in, int room) {
    in.expect('{');
    if (in.peek() != '"') return map(in, room);
    JsonText key = in.text();
    in.expect(':');
    if (key.raw.substr(0, 1) != "$") return map(in, room, key, in);
    Bytes content = skipped(in);
    if (in.peek() == '}' && is_special(key.raw, content)) {
      in.expect('}');
      return special(key.raw, content, room);
    }
    JsonCursor again(content);
    map(in, room, key, again);
  }

  // A map whose brace was read.
  void map(JsonCursor& in, int room) {
    if (in.take('}')) return out_.close(out_.open(tag(kMap, kBytes)));
    JsonText key = in.text();
    in.expect(':');
    map(in, room, key, in);
  }

  // A map whose first key was read; `first` has its value.
  void map(JsonCursor& in, int room, JsonText key, JsonCursor& first) {
    size_t start = out_.open(tag(kMap, kBytes));
    pair(key, first, room);
    while (in.more('}')) {
      key = in.text();
      in.expect(':');
      pair(key, in, room);
    }
    out_.close(start);
  }

  void pair(JsonText key, JsonCursor& in, int room) {
    size_t start = out_.open(tag(1, kBytes));
    if (!key.raw.empty()) write_unescaped(out_, tag(1, kBytes), key);
    size_t value = out_.open(tag(2, kBytes));
    write(in, room - 1);
    out_.close(value);
    out_.close(start);
  }

  static bool is_special(Bytes key, Bytes content) {
    if (key == "$map") return content.front() == '{';
    return (key == "$bytes" || key == "$double") && content.front() == '"';
  }

  void special(Bytes key, Bytes content, int room) {
    JsonCursor in(content);
    if (key == "$map") {
      in.expect('{');
      return map(in, room);
    }
    Bytes text = in.plain(in.text());
    if (key == "$bytes") return write_binary(out_, text);
    out_.fixed(tag(kDouble, kFixed64), double_of_text(text));
  }

  static Bytes skipped(JsonCursor& in) {
    in.peek();
    const char* from = in.at();
    in.skip();
    return Bytes(from, static_cast<size_t>(in.at() - from));
  }

  WireWriter& out_;
};

// Writes the arm that the type says; an empty value has none.
inline void write_arm(WireWriter& out, uint8_t type, Bytes text) {
  switch (type) {
    case kEmpty: return;
    case kString: return out.bytes(tag(kString, kBytes), text);
    case kBool:
      out.varint(tag(kBool, kVarint));
      return out.varint(text == "true");
    case kInt:
      out.varint(tag(kInt, kVarint));
      return out.varint(static_cast<uint64_t>(integer_of<int64_t>(text)));
    case kDouble: return out.fixed(tag(kDouble, kFixed64), double_of_text(text));
    case kBinary: return write_binary(out, text);
    default: JsonValueWriter(out).write(text);
  }
}

inline void write_value(WireWriter& out, uint32_t tag, uint8_t type, Bytes text) {
  size_t start = out.open(tag);
  write_arm(out, type, text);
  out.close(start);
}

// Most attributes have a short text: every tag and length is then one byte, and known beforehand.
inline void write_short_attribute(Buffer& out, uint32_t tag_of_it, Bytes key, Bytes text) {
  auto four = [](size_t first, size_t second, size_t third, size_t fourth) {
    return static_cast<uint32_t>(first | second << 8 | third << 16 | fourth << 24);
  };
  size_t held = 2 + text.size();
  out.push(four(tag_of_it, key.size() + held + 4, tag(1, kBytes), key.size()));
  out.append(key);
  out.push(four(tag(2, kBytes), held, tag(kString, kBytes), text.size()));
  out.append(text);
}

inline void write_attribute(WireWriter& out, uint32_t tag_of_it, Bytes key, uint8_t type, Bytes text) {
  if (type == kString && !key.empty() && key.size() + text.size() < 0x80 - 6) {
    return write_short_attribute(out.out(), tag_of_it, key, text);
  }
  size_t start = out.open(tag_of_it);
  write_bytes(out, tag(1, kBytes), key);
  write_value(out, tag(2, kBytes), type, text);
  out.close(start);
}

// A column of `ATTRIBUTES` (pipeline/schema.py).
class AttributeCells {
 public:
  explicit AttributeCells(Slice of) : AttributeCells(of, Fields(of.items())) {}

  void write(WireWriter& out, uint32_t tag, size_t row) const {
    auto [begin, end] = rows_[row];
    for (size_t item = begin; item < end; ++item) {
      write_attribute(out, tag, keys_[item], types_[item], texts_[item]);
    }
  }

 private:
  AttributeCells(Slice of, Fields in) : rows_(of), keys_(in.next()), types_(in.next()), texts_(in.next()) {}

  Ranges rows_;
  TextCells keys_;
  NumberCells<uint8_t> types_;
  TextCells texts_;
};

}  // namespace aura
