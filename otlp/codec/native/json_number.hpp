// The numbers of JSON, read exactly as Python reads them; what is out of range is Unclear.
#pragma once

#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>
#ifdef __APPLE__
#include <xlocale.h>

#include <cerrno>
#endif

#include "json_cursor.hpp"

namespace aura {

constexpr size_t kIntegerDigitsMost = 20;

// Decimal digits with a sign, as JSON writes them or as text has them (zeros in front, too).
template <class T>
T integer_of(Bytes digits) {
  Bytes unsigned_digits = digits.substr(!digits.empty() && digits.front() == '-');
  if (unsigned_digits.empty() || unsigned_digits.size() > kIntegerDigitsMost) unclear();
  uint64_t magnitude = 0;
  const char* end = unsigned_digits.data() + unsigned_digits.size();
  auto read = std::from_chars(unsigned_digits.data(), end, magnitude);
  if (read.ec != std::errc() || read.ptr != end) unclear();
  bool negative = unsigned_digits.size() < digits.size();
  uint64_t most = static_cast<uint64_t>(std::numeric_limits<T>::max());
  if (negative) most = std::is_signed_v<T> ? most + 1 : 0;
  if (magnitude > most) unclear();
  return static_cast<T>(negative ? 0 - magnitude : magnitude);
}

// `digits` is a JSON number, with what ends it behind it.
inline double double_of(Bytes digits) {
  double value = 0;
#ifdef __APPLE__  // its from_chars knows integers only; this one knows the C locale only
  errno = 0;
  value = strtod_l(digits.data(), nullptr, nullptr);
  if (errno != 0) unclear();
#else
  const char* end = digits.data() + digits.size();
  auto read = std::from_chars(digits.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) unclear();
#endif
  return value;
}

// A whole number has no sign at zero: it is an int first.
inline double double_of(JsonNumber number) {
  double value = double_of(number.digits);
  return number.whole && value == 0 ? 0.0 : value;
}

// A number without a fraction, such as 5, 5.0 or 5e3.
template <class T>
T integer_of(JsonNumber number) {
  if (number.whole) return integer_of<T>(number.digits);
  double value = double_of(number.digits);
  // 2^63 and 2^64, which are the first beyond; every smaller double fits when it is whole.
  double beyond = std::ldexp(1.0, std::numeric_limits<T>::digits);
  if (value != std::trunc(value) || value >= beyond) unclear();
  if (value < (std::is_signed_v<T> ? -beyond : 0)) unclear();
  return static_cast<T>(value);
}

}  // namespace aura
