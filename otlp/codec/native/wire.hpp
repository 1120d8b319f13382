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
constexpr size_t kWide = 32;    // what is copied at once where a text is likely to be short

bool is_utf8(Bytes text);  // utf8.hpp

class Reader {
 public:
  Reader() = default;
  explicit Reader(Bytes request)
      : at_(request.data()), end_(request.data() + request.size()), limit_(end_), room_(kDepthMax) {}

  // The next field's tag, or 0 at the end of the message.
  [[gnu::always_inline]] uint32_t next() {
    if (at_ == end_) return 0;
    uint32_t found = static_cast<uint8_t>(*at_++);
    if (found >= 0x80) found = short_varint(UINT32_MAX);
    if (found < 8) unclear();  // there is no field 0
    return found;
  }

  [[gnu::always_inline]] uint64_t varint() {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) return static_cast<uint8_t>(*at_++);
    Number found = varint_of(at_, end_, 10);  // of the tenth, other bits than the first are dropped
    at_ = found.end;
    return found.value;
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
    if (size >= 0x80) size = short_varint(INT32_MAX);
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
    return within(bytes(), room_ - 1);
  }

  // A run of packed numbers, which are no message: it does not count as depth.
  Reader packed() {
    return within(bytes(), room_);
  }

  // A reader of bytes that lie in this message and are no message themselves.
  [[gnu::always_inline]] Reader within(Bytes bytes) const { return within(bytes, room_); }

  bool done() const { return at_ == end_; }

  // What was not read yet.
  [[gnu::always_inline]] Bytes rest() const { return Bytes(at_, left()); }

  // Whether another message may stand in this one.
  bool nests() const { return room_ > 0; }

  // Whether bytes behind this message's end are the request's as well: `Buffer::append_wide` reads
  // them.
  [[gnu::always_inline]] bool slack() const { return static_cast<size_t>(limit_ - end_) >= kWide; }

  void skip(uint32_t tag) { at_ = behind(*this, tag, room_); }

 private:
  [[gnu::always_inline]] Reader within(Bytes bytes, int room) const {
    Reader reader;
    reader.at_ = bytes.data();
    reader.end_ = bytes.data() + bytes.size();
    reader.limit_ = limit_;
    reader.room_ = room;
    return reader;
  }

  size_t left() const { return static_cast<size_t>(end_ - at_); }

  [[gnu::always_inline]] uint8_t byte() {
    if (at_ == end_) unclear();
    return static_cast<uint8_t>(*at_++);
  }

  // What is rare has a function of its own, which takes no reader: a compiler that sees none handed on
  // keeps each in registers.
  struct Number {
    const char* end;  // behind it
    uint64_t value;
  };

  // A tag or a length whose first byte was read: at most five bytes in all, the rest of which is here.
  [[gnu::always_inline]] uint32_t short_varint(uint32_t most) {
    auto first = static_cast<uint8_t>(at_[-1]);
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) {  // two bytes
      return (first & 0x7fu) | static_cast<uint32_t>(static_cast<uint8_t>(*at_++)) << 7;
    }
    Number found = varint_of(at_ - 1, end_, 5);
    if (found.value > most) unclear();
    at_ = found.end;
    return static_cast<uint32_t>(found.value);
  }

  [[gnu::noinline]] static Number varint_of(const char* at, const char* end, int bytes_most) {
    uint64_t number = 0;
    for (int shift = 0; shift < 7 * bytes_most; shift += 7) {
      if (at == end) unclear();
      uint64_t digit = static_cast<uint8_t>(*at++);
      number |= (digit & 0x7f) << shift;
      if (digit < 0x80) return {at, number};
    }
    unclear();
  }

  [[gnu::noinline]] static const char* behind(Reader in, uint32_t tag, int room) {
    switch (tag & 7) {
      case kVarint: in.varint(); return in.at_;
      case kFixed64: in.fixed64(); return in.at_;
      case kBytes: in.bytes(); return in.at_;
      case kFixed32: in.fixed32(); return in.at_;
      case kGroup: break;
      default: unclear();
    }
    if (room == 0) unclear();
    while (uint32_t inner = in.next()) {
      if ((inner & 7) == kGroupEnd) {
        if (inner >> 3 != tag >> 3) unclear();
        return in.at_;
      }
      in.at_ = behind(in, inner, room - 1);
    }
    unclear();
  }

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  const char* limit_ = nullptr;  // where the request ends
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
