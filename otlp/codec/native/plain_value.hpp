// Values of plain JSON as AnyValue, with the type that JSON gives them: `otlp/codec/record.py`.
#pragma once

#include "json_number.hpp"
#include "names.hpp"
#include "wire_writer.hpp"

namespace aura {

// The keys of one object: one that comes twice, or too many of them, is for Python to sort out.
class Keys {
 public:
  void add(Bytes key) {
    uint64_t hash = Ends::of(key).hash(key.size());
    for (size_t index = 0; index < size_; ++index) {
      if (hashes_[index] == hash && Bytes(keys_[index], sizes_[index]) == key) unclear();
    }
    if (size_ == kMost) unclear();
    hashes_[size_] = hash;
    keys_[size_] = key.data();
    sizes_[size_++] = key.size();
  }

  static constexpr size_t kMost = 64;

 private:
  // Nothing of them is written before it is used: most objects have few keys.
  uint64_t hashes_[kMost];
  const char* keys_[kMost];
  size_t sizes_[kMost];
  size_t size_ = 0;
};

// Calls back with each key of an object; what follows it is to be read there.
template <class Each>
void each_member(JsonCursor& in, Each each) {
  in.expect('{');
  if (in.take('}')) return;
  Keys keys;
  do {
    JsonText key = in.text();
    if (key.escaped) unclear();
    keys.add(key.raw);
    in.expect(':');
    each(key.raw);
  } while (in.more('}'));
}

class ValueWriter {
 public:
  explicit ValueWriter(WireWriter& wire) : wire_(wire) {}

  void text(uint32_t tag, JsonText text) {
    if (!text.escaped) return wire_.bytes(tag, text.raw);
    size_t start = wire_.open(tag);
    JsonCursor::unescape(text.raw, wire_.out());
    wire_.close(start);
  }

  void number(JsonNumber number) {
    if (number.whole) {
      wire_.varint(tag(3, kVarint));
      wire_.varint(static_cast<uint64_t>(integer_of<int64_t>(number.digits)));
    } else {
      wire_.fixed(tag(4, kFixed64), double_of(number));
    }
  }

  // An AnyValue within what the caller has opened.
  void value(JsonCursor& in, int depth = 0) {
    if (depth > kDepthMost) unclear();
    switch (in.peek()) {
      case '"': return text(tag(1, kBytes), in.text());
      case '{': return map(in, depth);
      case '[': return array(in, depth);
      case 'n': in.null(); return;
      case 't': case 'f':
        wire_.varint(tag(2, kVarint));
        wire_.varint(in.boolean());
        return;
      default: return number(in.number());
    }
  }

  // A KeyValue; `write` adds what is in its AnyValue.
  template <class Write>
  void pair(uint32_t tag_of_pair, Bytes key, Write write) {
    size_t start = wire_.open(tag_of_pair);
    if (!key.empty()) wire_.bytes(tag(1, kBytes), key);
    size_t value = wire_.open(tag(2, kBytes));
    write();
    wire_.close(value);
    wire_.close(start);
  }

  // The members of an object as attributes, but for null and for one name.
  void attributes(uint32_t tag, Bytes object, Bytes except = {}) {
    JsonCursor in(object);
    each_member(in, [&](Bytes key) {
      if (in.null()) return;
      if (!except.empty() && key == except) return in.skip();
      pair(tag, key, [&] { value(in); });
    });
  }

 private:
  static constexpr int kDepthMost = 30;  // DEPTH_MAX of record.py

  void map(JsonCursor& in, int depth) {
    size_t start = wire_.open(tag(6, kBytes));
    each_member(in, [&](Bytes key) {
      pair(tag(1, kBytes), key, [&] { value(in, depth + 1); });
    });
    wire_.close(start);
  }

  void array(JsonCursor& in, int depth) {
    size_t start = wire_.open(tag(5, kBytes));
    in.expect('[');
    if (!in.take(']')) {
      do {
        size_t item = wire_.open(tag(1, kBytes));
        value(in, depth + 1);
        wire_.close(item);
      } while (in.more(']'));
    }
    wire_.close(start);
  }

  WireWriter& wire_;
};

}  // namespace aura
