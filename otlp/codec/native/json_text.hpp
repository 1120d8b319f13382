// JSON, numbers and base64 as `pipeline/value.py` writes them, byte for byte.
#pragma once

#include <charconv>
#include <cmath>
#include <cstring>

#include "buffer.hpp"
#include "utf8.hpp"

namespace aura {

inline void write_int(Buffer& out, int64_t value) {
  char* at = out.room(20);
  out.wrote(static_cast<size_t>(std::to_chars(at, at + 20, value).ptr - at));
}

// The shortest decimal that reads back the same, laid out as Python's `repr`: with an exponent below
// 1e-4 and from 1e16 on, else with a point.
inline void write_finite(Buffer& out, double value) {
  char shortest[32];
  char* end = std::to_chars(shortest, shortest + sizeof shortest, value, std::chars_format::scientific).ptr;
  char* from = shortest;
  char* at = out.room(32);
  char* start = at;
  if (*from == '-') *at++ = *from++;
  char* mark = static_cast<char*>(std::memchr(from, 'e', static_cast<size_t>(end - from)));
  int exponent = 0;
  std::from_chars(mark + (mark[1] == '+' ? 2 : 1), end, exponent);
  if (exponent < -4 || exponent >= 16) {
    auto size = static_cast<size_t>(end - from);
    std::memcpy(at, from, size);
    out.wrote(static_cast<size_t>(at - start) + size);
    return;
  }
  char digits[20];
  int count = 0;
  for (char* digit = from; digit < mark; ++digit) {
    if (*digit != '.') digits[count++] = *digit;
  }
  if (exponent < 0) {
    *at++ = '0';
    *at++ = '.';
    for (int zeros = -1 - exponent; zeros > 0; --zeros) *at++ = '0';
  }
  for (int index = 0; index < count || index <= exponent; ++index) {
    *at++ = index < count ? digits[index] : '0';
    if (index == exponent) *at++ = '.';
  }
  if (at[-1] == '.') *at++ = '0';
  out.wrote(static_cast<size_t>(at - start));
}

inline void write_double(Buffer& out, double value) {
  if (std::isfinite(value)) {
    write_finite(out, value);
  } else {
    out.append(std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  }
}

inline void write_base64(Buffer& out, Bytes bytes) {
  static const char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t size = (bytes.size() + 2) / 3 * 4;
  char* at = out.room(size);
  for (size_t index = 0; index < bytes.size(); index += 3) {
    uint32_t group = 0;
    for (size_t next = 0; next < 3; ++next) {
      group = group << 8 | (index + next < bytes.size() ? static_cast<uint8_t>(bytes[index + next]) : 0u);
    }
    *at++ = kDigits[group >> 18];
    *at++ = kDigits[group >> 12 & 63];
    *at++ = index + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    *at++ = index + 2 < bytes.size() ? kDigits[group & 63] : '=';
  }
  out.wrote(size);
}

// What follows the backslash, or 0 for a character that stands as it is.
inline char json_escape(char character) {
  switch (character) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return static_cast<unsigned char>(character) < 0x20 ? 'u' : 0;
  }
}

// Whether nothing in the text must be escaped.
inline bool is_plain_json(Bytes text) {
  size_t index = 0;
  for (; index + 8 <= text.size(); index += 8) {
    if (json_stops(eight(text.data() + index)) != 0) return false;
  }
  for (; index < text.size(); ++index) {
    if (json_escape(text[index]) != 0) return false;
  }
  return true;
}

// A JSON string with the quotes around it; only what must be escaped is.
inline void write_json_text(Buffer& out, Bytes text) {
  static const char kHex[] = "0123456789abcdef";
  out.push('"');
  if (is_plain_json(text)) {
    out.append(text);
    return out.push('"');
  }
  size_t plain = 0;  // where the run begins that needs no escape
  for (size_t index = 0; index < text.size(); ++index) {
    char escape = json_escape(text[index]);
    if (escape == 0) continue;
    out.append(text.substr(plain, index - plain));
    plain = index + 1;
    out.push('\\');
    out.push(escape);
    if (escape != 'u') continue;
    auto code = static_cast<unsigned char>(text[index]);
    out.append("00");
    out.push(kHex[code >> 4]);
    out.push(kHex[code & 15]);
  }
  out.append(text.substr(plain));
  out.push('"');
}

}  // namespace aura
