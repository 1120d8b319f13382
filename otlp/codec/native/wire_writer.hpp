// The protobuf wire format, written: what `wire.hpp` reads.
#pragma once

#include "buffer.hpp"

namespace aura {

class WireWriter {
 public:
  Buffer& out() { return out_; }

  [[gnu::always_inline]] void varint(uint64_t number) {
    char* at = out_.room(kVarintMost);
    out_.wrote(encode(at, number));
  }

  template <class T>
  void fixed(uint32_t tag, T value) {
    varint(tag);
    out_.push(value);
  }

  [[gnu::always_inline]] void bytes(uint32_t tag, Bytes bytes) {
    varint(tag);
    varint(bytes.size());
    out_.append(bytes);
  }

  // Begins a message, or whatever else has a length; `close` takes what this returns. `width` is how
  // many bytes the length is expected to have: another number moves the content.
  size_t open(uint32_t tag, size_t width = 1) {
    varint(tag);
    std::memset(out_.room(width), 0, width);
    out_.wrote(width);
    return out_.size();
  }

  void close(size_t start, size_t expected = 1) {
    char digits[kVarintMost];
    size_t width = encode(digits, out_.size() - start);
    if (width > expected) out_.insert(start, Bytes(digits, width - expected));
    if (width < expected) out_.erase(start - (expected - width), expected - width);
    out_.replace(start - expected, Bytes(digits, width));
  }

  // What content of this size takes behind a tag below 16, with tag and length.
  static size_t framed(size_t size) {
    char digits[kVarintMost];
    return 1 + encode(digits, size) + size;
  }

 private:
  static constexpr size_t kVarintMost = 10;

  [[gnu::always_inline]] static size_t encode(char* at, uint64_t number) {
    size_t size = 0;
    for (; number >= 0x80; number >>= 7) at[size++] = static_cast<char>(number | 0x80);
    at[size++] = static_cast<char>(number);
    return size;
  }

  Buffer out_;
};

}  // namespace aura
