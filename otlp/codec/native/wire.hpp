// The protobuf wire format: tags, varints, lengths, and what is skipped.
//
// The source of the rules is protobuf's "Encoding" specification; where it is silent (the longest
// tag, the deepest nesting) the bounds are those of upb, protobuf's own parser, so that both take
// the same bytes. Nothing is read beyond the end of a message.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Arrow columns and the wire are little-endian; this host is not."
#endif

namespace aura {

using Bytes = std::string_view;

// Thrown for bytes that are no request, and for requests in a form that protobuf allows and no
// sender makes (a message field that comes twice and has to be merged). protobuf tells them apart.
struct Unclear {};

[[noreturn, gnu::cold, gnu::noinline]] inline void unclear() { throw Unclear{}; }

enum Wire : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kGroup = 3, kGroupEnd = 4, kFixed32 = 5 };

constexpr uint32_t tag(uint32_t field, Wire wire) { return field << 3 | wire; }

constexpr int kDepthMax = 100;  // messages and groups within a request, as upb counts them

bool is_utf8(Bytes text);  // utf8.hpp

class Reader {
 public:
  Reader() = default;
  explicit Reader(Bytes request) : Reader(request.data(), request.data() + request.size(), kDepthMax) {}

  // The next field's tag, or 0 at the end of the message.
  [[gnu::always_inline]] uint32_t next() {
    if (at_ == end_) return 0;
    uint32_t found = static_cast<uint8_t>(*at_++);
    if (found >= 0x80) found = short_varint(found, UINT32_MAX);
    if (found < 8) unclear();  // there is no field 0
    return found;
  }

  [[gnu::always_inline]] uint64_t varint() {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) return static_cast<uint8_t>(*at_++);
    return long_varint();
  }

  uint32_t varint32() { return static_cast<uint32_t>(varint()); }

  int32_t zigzag32() {
    uint32_t number = varint32();
    return static_cast<int32_t>(number >> 1 ^ (0 - (number & 1)));
  }

  template <class T>
  [[gnu::always_inline]] T fixed() {
    if (left() < sizeof(T)) unclear();
    T value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  uint64_t fixed64() { return fixed<uint64_t>(); }
  uint32_t fixed32() { return fixed<uint32_t>(); }
  double float64() { return fixed<double>(); }

  [[gnu::always_inline]] Bytes bytes() {
    size_t size = byte();
    if (size >= 0x80) size = short_varint(static_cast<uint32_t>(size), INT32_MAX);
    if (size > left()) unclear();
    Bytes found(at_, size);
    at_ += size;
    return found;
  }

  [[gnu::always_inline]] Bytes text() {
    Bytes found = bytes();
    if (!is_utf8(found)) unclear();
    return found;
  }

  [[gnu::always_inline]] Reader message() {
    if (room_ == 0) unclear();
    Bytes found = bytes();
    return Reader(found.data(), found.data() + found.size(), room_ - 1);
  }

  // A run of packed numbers, which are no message: it does not count as depth.
  Reader packed() {
    Bytes found = bytes();
    return Reader(found.data(), found.data() + found.size(), room_);
  }

  bool done() const { return at_ == end_; }

  void skip(uint32_t tag) { skip(tag, room_); }

 private:
  Reader(const char* at, const char* end, int room) : at_(at), end_(end), room_(room) {}

  size_t left() const { return static_cast<size_t>(end_ - at_); }

  uint8_t byte() {
    if (at_ == end_) unclear();
    return static_cast<uint8_t>(*at_++);
  }

  // The rest of a tag or of a length: at most five bytes in all.
  uint32_t short_varint(uint32_t first, uint32_t most) {
    uint64_t number = first & 0x7f;
    for (int shift = 7; shift < 35; shift += 7) {
      uint64_t digit = byte();
      number |= (digit & 0x7f) << shift;
      if (digit < 0x80) {
        if (number > most) unclear();
        return static_cast<uint32_t>(number);
      }
    }
    unclear();
  }

  // At most ten bytes, of which the last has one bit: others in it are dropped.
  [[gnu::noinline]] uint64_t long_varint() {
    uint64_t number = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      uint64_t digit = byte();
      number |= (digit & 0x7f) << shift;
      if (digit < 0x80) return number;
    }
    unclear();
  }

  void skip(uint32_t tag, int room) {
    switch (tag & 7) {
      case kVarint: varint(); return;
      case kFixed64: fixed64(); return;
      case kBytes: bytes(); return;
      case kFixed32: fixed32(); return;
      case kGroup: break;
      default: unclear();
    }
    if (room == 0) unclear();
    while (uint32_t inner = next()) {
      if ((inner & 7) == kGroupEnd) {
        if (inner >> 3 != tag >> 3) unclear();
        return;
      }
      skip(inner, room - 1);
    }
    unclear();
  }

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  int room_ = 0;
};

// A field that holds one message. Twice means "merge" (protobuf's "Last One Wins" section), which is
// left to protobuf.
class Single {
 public:
  void set(Reader message) {
    if (set_) unclear();
    message_ = message;
    set_ = true;
  }
  explicit operator bool() const { return set_; }
  Reader operator*() const { return message_; }

 private:
  Reader message_;
  bool set_ = false;
};

}  // namespace aura
