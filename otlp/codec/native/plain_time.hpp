// Times and durations as people write them, to nanoseconds: `otlp/codec/instant.py`.
//
// Only what is written as usual is read here: no white space around it, no times before 1970.
#pragma once

#include "json_number.hpp"

namespace aura {

__extension__ typedef unsigned __int128 Wide;

// A decimal number that is not negative: digits times ten to the power of the exponent.
struct Decimal {
  uint64_t digits = 0;
  int exponent = 0;

  // The whole part of this times ten to the power times `factor`, which is small.
  uint64_t scaled(int power, uint32_t factor = 1) const {
    Wide number = Wide{digits} * factor;
    int zeros = exponent + power;
    for (; zeros < 0 && number != 0; ++zeros) number /= 10;
    for (; zeros > 0 && number != 0; --zeros) {
      number *= 10;
      if (number > UINT64_MAX) unclear();
    }
    if (number > UINT64_MAX) unclear();
    return static_cast<uint64_t>(number);
  }
};

inline bool is_digit(char character) { return character >= '0' && character <= '9'; }

// Takes digits off the front, at least one and at most as many.
inline Bytes taken_digits(Bytes& text, size_t most) {
  size_t size = 0;
  while (size < text.size() && is_digit(text[size])) ++size;
  if (size == 0 || size > most) unclear();
  Bytes digits = text.substr(0, size);
  text.remove_prefix(size);
  return digits;
}

// Takes digits, and a fraction where there is one, off the front.
inline Decimal taken_decimal(Bytes& text) {
  constexpr size_t kMost = 19;  // as many fit into 64 bits
  Decimal number;
  auto add = [&](Bytes digits) {
    for (char digit : digits) number.digits = 10 * number.digits + static_cast<uint64_t>(digit - '0');
  };
  Bytes whole = taken_digits(text, kMost);
  add(whole);
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    Bytes fraction = taken_digits(text, kMost - whole.size());
    add(fraction);
    number.exponent = -static_cast<int>(fraction.size());
  }
  return number;
}

inline Decimal decimal_of(Bytes text) {
  Decimal number = taken_decimal(text);
  if (!text.empty()) unclear();
  return number;
}

// The shortest decimal that reads back as the double: Python's `repr` of it.
inline Decimal decimal_of(double value) {
  if (std::signbit(value)) unclear();
  char text[32];
  char* end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  Bytes left(text, static_cast<size_t>(end - text));
  Decimal number = taken_decimal(left);
  int exponent = 0;
  const char* from = left.data() + (left[1] == '+' ? 2 : 1);  // behind the "e"
  std::from_chars(from, end, exponent);
  number.exponent += exponent;
  return number;
}

inline Decimal decimal_of(JsonNumber number) {
  if (!number.whole) return decimal_of(double_of(number));
  return {integer_of<uint64_t>(number.digits), 0};
}

// Unix time in s, ms, us or ns, told by its size.
inline uint64_t unix_ns(Decimal number) {
  uint64_t whole = number.scaled(0);
  if (whole < 100'000'000'000) return number.scaled(9);
  if (whole < 100'000'000'000'000) return number.scaled(6);
  if (whole < 100'000'000'000'000'000) return number.scaled(3);
  return whole;
}

inline int two_digits(Bytes text, size_t at) {
  if (!is_digit(text[at]) || !is_digit(text[at + 1])) unclear();
  return 10 * (text[at] - '0') + (text[at + 1] - '0');
}

// Days since 1970 in the calendar of Gregory; the year is at least 1970.
inline int64_t days_of(int year, int month, int day) {
  static const int kBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (month < 1 || month > 12 || day < 1) unclear();
  int length = kBefore[month] - kBefore[month - 1] + (month == 2 && leap);
  if (day > length) unclear();
  int past = year - 1;  // leap days in full years, less those before 1970
  int64_t leap_days = past / 4 - past / 100 + past / 400 - 477;
  return int64_t{365} * (year - 1970) + leap_days + kBefore[month - 1] + (month > 2 && leap) + day - 1;
}

// Seconds that a zone is ahead of UTC: "", "Z", "+02:00" or "+0200", a space before it or not.
inline int64_t ahead_s(Bytes zone) {
  if (zone.size() > 1 && zone.front() == ' ') zone.remove_prefix(1);
  if (zone.empty() || zone == "Z" || zone == "z") return 0;
  bool colon = zone.size() == 6 && zone[3] == ':';
  if ((zone.front() != '+' && zone.front() != '-') || zone.size() != (colon ? 6u : 5u)) unclear();
  int hours = two_digits(zone, 1), minutes = two_digits(zone, colon ? 4 : 3);
  if (hours > 23 || minutes > 59) unclear();
  int64_t seconds = 3600 * hours + 60 * minutes;
  return zone.front() == '-' ? -seconds : seconds;
}

// RFC 3339; without an offset it is UTC.
inline uint64_t calendar_ns(Bytes text) {
  constexpr size_t kSeconds = 19;  // "2023-11-14T22:13:20"
  constexpr int kFirstYear = 1970, kLastYear = 2553;
  int year = 100 * two_digits(text, 0) + two_digits(text, 2);
  int month = two_digits(text, 5), day = two_digits(text, 8);
  int hour = two_digits(text, 11), minute = two_digits(text, 14), second = two_digits(text, 17);
  char between = text[10];
  bool shaped = text[4] == '-' && text[7] == '-' && text[13] == ':' && text[16] == ':';
  if (!shaped || (between != 'T' && between != 't' && between != ' ')) unclear();
  if (year < kFirstYear || year > kLastYear || hour > 23 || minute > 59 || second > 59) unclear();
  text.remove_prefix(kSeconds);
  uint64_t nanoseconds = 0;
  if (!text.empty() && (text.front() == '.' || text.front() == ',')) {
    text.remove_prefix(1);
    Bytes fraction = taken_digits(text, 1000);
    for (size_t index = 0; index < 9; ++index) {
      int digit = index < fraction.size() ? fraction[index] - '0' : 0;
      nanoseconds = 10 * nanoseconds + static_cast<uint64_t>(digit);
    }
  }
  int64_t seconds = 86400 * days_of(year, month, day) + 3600 * hour + 60 * minute + second - ahead_s(text);
  if (seconds < 0) unclear();
  return static_cast<uint64_t>(seconds) * 1'000'000'000 + nanoseconds;
}

// A time that is text.
inline uint64_t instant_ns(Bytes text) {
  if (text.size() >= 19 && text[4] == '-') return calendar_ns(text);
  return unix_ns(decimal_of(text));
}

// A number and its unit, such as "12.5ms".
inline uint64_t duration_ns(Bytes text) {
  Decimal number = taken_decimal(text);
  if (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  if (text == "ms") return number.scaled(6);
  if (text == "s") return number.scaled(9);
  if (text == "us") return number.scaled(3);
  if (text == "ns") return number.scaled(0);
  if (text == "m") return number.scaled(9, 60);
  if (text == "h") return number.scaled(9, 3600);
  unclear();
}

}  // namespace aura
