// JSON text (RFC 8259), token by token, as Python's `json.loads` takes it.
//
// What is no JSON is Unclear, and so is what is rare enough to be left to Python: half surrogate
// pairs, deep nesting of what is skipped, numbers of hundreds of digits. Nothing is read beyond the
// end, and nothing is kept: texts lie in the JSON itself until they are unescaped.
#pragma once

#include "buffer.hpp"
#include "utf8.hpp"

namespace aura {

// A JSON string without its quotes. The escapes of one that is skipped are checked all the same.
struct JsonText {
  Bytes raw;
  bool escaped = false;
};

struct JsonNumber {
  Bytes digits;        // with sign, point and exponent
  bool whole = false;  // has neither point nor exponent: an int in Python
};

inline uint8_t hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<uint8_t>(digit - '0');
  char lower = static_cast<char>(digit | 0x20);
  return lower >= 'a' && lower <= 'f' ? static_cast<uint8_t>(lower - 'a' + 10) : uint8_t{0xff};
}

class JsonCursor {
 public:
  explicit JsonCursor(Bytes text) : at_(text.data()), end_(text.data() + text.size()) {}

  // The next character that is no white space, or 0 at the end (where it is no JSON either).
  [[gnu::always_inline]] char peek() {
    while (at_ != end_ && static_cast<unsigned char>(*at_) <= ' ') {
      if (*at_ != ' ' && *at_ != '\n' && *at_ != '\r' && *at_ != '\t') unclear();
      ++at_;
    }
    return at_ == end_ ? '\0' : *at_;
  }

  bool done() { return peek() == '\0'; }
  const char* at() const { return at_; }

  [[gnu::always_inline]] bool take(char character) {
    if (peek() != character) return false;
    ++at_;
    return true;
  }

  [[gnu::always_inline]] void expect(char character) {
    if (!take(character)) unclear();
  }

  // Behind an item: whether another follows, or the object or array is closed.
  [[gnu::always_inline]] bool more(char close) {
    if (take(',')) return true;
    expect(close);
    return false;
  }

  bool null() {
    if (peek() != 'n') return false;
    literal("null");
    return true;
  }

  bool boolean() {
    bool value = peek() == 't';
    literal(value ? "true" : "false");
    return value;
  }

  [[gnu::always_inline]] JsonText text() {
    expect('"');
    const char* start = at_;
    uint64_t seen = 0;
    bool escaped = false;
    while (true) {
      find_stop(seen);
      if (at_ == end_) unclear();
      if (*at_ == '"') break;
      if (*at_ != '\\' || end_ - at_ < 2) unclear();  // a control character
      escaped = true;
      at_ += 2;  // what follows a backslash is no end
    }
    Bytes raw(start, static_cast<size_t>(at_ - start));
    ++at_;
    if ((seen & kHighBits) != 0 && !is_utf8_beyond_ascii(raw)) unclear();
    return {raw, escaped};
  }

  JsonNumber number() {
    if (peek() == '\0') unclear();
    const char* start = at_;
    if (*at_ == '-') ++at_;
    if (at_ != end_ && *at_ == '0') {
      ++at_;
    } else {
      digits();
    }
    bool whole = true;
    if (at_ != end_ && *at_ == '.') {
      whole = false;
      ++at_;
      digits();
    }
    if (at_ != end_ && (*at_ | 0x20) == 'e') {
      whole = false;
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      digits();
    }
    Bytes found(start, static_cast<size_t>(at_ - start));
    if (found.size() > kDigitsMost) unclear();
    return {found, whole};
  }

  void skip(int room = kSkippedDepthMax) {
    switch (peek()) {
      case '"': check(text()); return;
      case '{': skip_all('}', room); return;
      case '[': skip_all(']', room); return;
      case 't': case 'f': boolean(); return;
      case 'n': null(); return;
      default: number();
    }
  }

  // Whether the escapes of a text are such.
  void check(JsonText text) {
    if (!text.escaped) return;
    scratch_.truncate(0);
    unescape(text.raw, scratch_);
  }

  // A text to be looked at, until the next one.
  [[gnu::always_inline]] Bytes plain(JsonText text) {
    if (!text.escaped) return text.raw;
    check(text);
    return Bytes(scratch_.data(), scratch_.size());
  }

  static void unescape(Bytes raw, Buffer& out) {
    size_t at = 0;
    while (true) {
      size_t escape = std::min(raw.find('\\', at), raw.size());
      out.append(raw.substr(at, escape - at));
      if (escape == raw.size()) return;
      at = escape + 2;
      if (raw[escape + 1] == 'u') {
        write_character(code_point(raw, at), out);
      } else {
        out.push(escaped(raw[escape + 1]));
      }
    }
  }

 private:
  static constexpr int kSkippedDepthMax = 100;
  static constexpr size_t kDigitsMost = 400;

  void literal(Bytes word) {
    if (static_cast<size_t>(end_ - at_) < word.size() || Bytes(at_, word.size()) != word) unclear();
    at_ += word.size();
  }

  void digits() {
    const char* start = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    if (at_ == start) unclear();
  }

  // Goes to the next quote, backslash or control character; `seen` gathers the bits before it. Eight
  // bytes at a time: of the bits that tell such bytes, the lowest is always right.
  [[gnu::always_inline]] void find_stop(uint64_t& seen) {
    while (end_ - at_ >= 8) {
      uint64_t word = eight(at_);
      uint64_t stop = json_stops(word);
      if (stop != 0) {
        seen |= word & ((stop & -stop) - 1);
        at_ += __builtin_ctzll(stop) / 8;
        return;
      }
      seen |= word;
      at_ += 8;
    }
    for (; at_ != end_; ++at_) {
      auto byte = static_cast<unsigned char>(*at_);
      if (byte == '"' || byte == '\\' || byte < 0x20) return;
      seen |= byte;
    }
  }

  void skip_all(char close, int room) {
    if (room == 0) unclear();
    ++at_;
    if (take(close)) return;
    do {
      if (close == '}') {
        check(text());
        expect(':');
      }
      skip(room - 1);
    } while (more(close));
  }

  static char escaped(char letter) {
    switch (letter) {
      case '"': case '\\': case '/': return letter;
      case 'b': return '\b';
      case 'f': return '\f';
      case 'n': return '\n';
      case 'r': return '\r';
      case 't': return '\t';
      default: unclear();
    }
  }

  static uint32_t code_unit(Bytes raw, size_t& at) {
    if (raw.size() - at < 4) unclear();
    uint32_t code = 0;
    for (size_t end = at + 4; at < end; ++at) {
      uint8_t digit = hex_digit(raw[at]);
      if (digit > 15) unclear();
      code = code << 4 | digit;
    }
    return code;
  }

  static uint32_t code_point(Bytes raw, size_t& at) {
    uint32_t high = code_unit(raw, at);
    if (high < 0xd800 || high > 0xdfff) return high;
    if (high > 0xdbff || raw.substr(at, 2) != "\\u") unclear();
    at += 2;
    uint32_t low = code_unit(raw, at);
    if (low < 0xdc00 || low > 0xdfff) unclear();
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
  }

  static void write_character(uint32_t code, Buffer& out) {
    auto push = [&](uint32_t byte) { out.push(static_cast<char>(byte)); };
    if (code < 0x80) return push(code);
    if (code < 0x800) {
      push(0xc0 | code >> 6);
    } else {
      if (code < 0x10000) {
        push(0xe0 | code >> 12);
      } else {
        push(0xf0 | code >> 18);
        push(0x80 | (code >> 12 & 0x3f));
      }
      push(0x80 | (code >> 6 & 0x3f));
    }
    push(0x80 | (code & 0x3f));
  }

  const char* at_;
  const char* end_;
  Buffer scratch_;
};

}  // namespace aura
