// Whether bytes are UTF-8 (RFC 3629): no surrogates, nothing overlong, nothing beyond U+10FFFF.
#pragma once

#include <cstdint>
#include <cstring>

#include "wire.hpp"

namespace aura {

inline uint64_t eight(const char* at) {
  uint64_t found;
  std::memcpy(&found, at, sizeof found);
  return found;
}

inline uint32_t four(const char* at) {
  uint32_t found;
  std::memcpy(&found, at, sizeof found);
  return found;
}

// Two words in one register, where the machine has such.
typedef uint64_t Sixteen __attribute__((vector_size(16)));

inline Sixteen sixteen(const char* at) {
  Sixteen found;
  std::memcpy(&found, at, sizeof found);
  return found;
}

constexpr uint64_t kHighBits = 0x8080808080808080;

// The high bit of each byte that ends a run of plain characters in a JSON string: a quote, a backslash
// or a control character. Bits above the lowest may be wrong: borrows run upwards.
[[gnu::always_inline]] inline uint64_t json_stops(uint64_t word) {
  constexpr uint64_t kEach = 0x0101010101010101;
  uint64_t quote = word ^ kEach * '"', backslash = word ^ kEach * '\\';
  return (((quote - kEach) & ~quote) | ((backslash - kEach) & ~backslash) | ((word - kEach * 0x20) & ~word)) &
         kHighBits;
}

[[gnu::always_inline]] inline bool is_ascii(const char* at, size_t size) {
  if (size >= 16) {
    Sixteen seen = sixteen(at + size - 16);  // overlaps what the loop reads
    for (const char* end = at + size - 16; at < end; at += 16) seen |= sixteen(at);
    return ((seen[0] | seen[1]) & kHighBits) == 0;
  }
  if (size >= 8) {
    return ((eight(at) | eight(at + size - 8)) & kHighBits) == 0;
  }
  if (size >= 4) return ((four(at) | four(at + size - 4)) & static_cast<uint32_t>(kHighBits)) == 0;
  unsigned char seen = 0;
  for (size_t index = 0; index < size; ++index) seen |= static_cast<unsigned char>(at[index]);
  return seen < 0x80;
}

// The bytes of the character at `at`, or 0 where there is none.
inline size_t utf8_character(const unsigned char* at, size_t left) {
  unsigned char lead = at[0];
  if (lead < 0x80) return 1;
  auto follows = [&](size_t index) { return (at[index] & 0xc0) == 0x80; };
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return left >= 2 && follows(1) ? 2 : 0;
  if (lead < 0xf0) {
    if (left < 3 || !follows(1) || !follows(2)) return 0;
    if (lead == 0xe0 && at[1] < 0xa0) return 0;
    return lead == 0xed && at[1] > 0x9f ? 0 : 3;
  }
  if (lead > 0xf4 || left < 4 || !follows(1) || !follows(2) || !follows(3)) return 0;
  if (lead == 0xf0 && at[1] < 0x90) return 0;
  return lead == 0xf4 && at[1] > 0x8f ? 0 : 4;
}

[[gnu::noinline]] inline bool is_utf8_beyond_ascii(Bytes text) {
  auto at = reinterpret_cast<const unsigned char*>(text.data());
  for (size_t left = text.size(); left > 0;) {
    size_t size = utf8_character(at, left);
    if (size == 0) return false;
    at += size;
    left -= size;
  }
  return true;
}

[[gnu::always_inline]] inline bool is_utf8(Bytes text) {
  return is_ascii(text.data(), text.size()) || is_utf8_beyond_ascii(text);
}

}  // namespace aura
