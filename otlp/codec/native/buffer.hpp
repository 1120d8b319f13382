// Bytes that grow and are handed to Arrow without a copy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include "wire.hpp"

namespace aura {

class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Buffer() { std::free(data_); }

  size_t size() const { return size_; }
  const char* data() const { return data_; }

  template <class T>
  [[gnu::always_inline]] void push(T value) {
    std::memcpy(room(sizeof value), &value, sizeof value);
    size_ += sizeof value;
  }

  template <class T>
  T at(size_t index) const {
    T value;
    std::memcpy(&value, data_ + index * sizeof value, sizeof value);
    return value;
  }

  void append(Bytes bytes) {
    copy(room(bytes.size()), bytes.data(), bytes.size());
    size_ += bytes.size();
  }

  // Where `size` bytes may be written; `wrote` says how many were.
  [[gnu::always_inline]] char* room(size_t size) {
    if (capacity_ - size_ < size) grow(size);
    return data_ + size_;
  }
  void wrote(size_t size) { size_ += size; }

  void insert(size_t at, Bytes bytes) {
    room(bytes.size());
    std::memmove(data_ + at + bytes.size(), data_ + at, size_ - at);
    std::memcpy(data_ + at, bytes.data(), bytes.size());
    size_ += bytes.size();
  }

  void replace(size_t at, Bytes bytes) { std::memcpy(data_ + at, bytes.data(), bytes.size()); }

  void truncate(size_t size) { size_ = size; }

 private:
  // Arrow's offsets have 31 bits; every buffer stays below, so that none of them can wrap.
  static constexpr size_t kMost = INT32_MAX - 64;

  // Most texts are short, and a call for each costs more than the copy: two moves that overlap.
  [[gnu::always_inline]] static void copy(char* to, const char* from, size_t size) {
    if (size > 32) {
      std::memcpy(to, from, size);
    } else if (size >= 16) {
      move<16>(to, from, size);
    } else if (size >= 8) {
      move<8>(to, from, size);
    } else if (size >= 4) {
      move<4>(to, from, size);
    } else {
      for (size_t index = 0; index < size; ++index) to[index] = from[index];
    }
  }

  template <size_t width>
  [[gnu::always_inline]] static void move(char* to, const char* from, size_t size) {
    char first[width], last[width];
    std::memcpy(first, from, width);
    std::memcpy(last, from + size - width, width);
    std::memcpy(to, first, width);
    std::memcpy(to + size - width, last, width);
  }

  [[gnu::noinline]] void grow(size_t size) {
    if (size > kMost - size_) throw std::length_error("a column holds at most 2 GiB");
    size_t larger = capacity_ < 1 << 16 ? std::max<size_t>(4 * capacity_, 1024) : 2 * capacity_;
    size_t capacity = std::min(kMost, std::max(larger, size_ + size));
    auto data = static_cast<char*>(std::realloc(data_, capacity));
    if (data == nullptr) throw std::bad_alloc();
    data_ = data;
    capacity_ = capacity;
  }

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace aura
