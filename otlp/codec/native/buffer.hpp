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
        end_(std::exchange(other.end_, nullptr)),
        most_(std::exchange(other.most_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(end_, other.end_);
    std::swap(most_, other.most_);
    return *this;
  }
  ~Buffer() { std::free(data_); }

  size_t size() const { return static_cast<size_t>(end_ - data_); }
  const char* data() const { return data_; }

  template <class T>
  [[gnu::always_inline]] void push(T value) {
    std::memcpy(room(sizeof value), &value, sizeof value);
    end_ += sizeof value;
  }

  template <class T>
  T at(size_t index) const {
    T value;
    std::memcpy(&value, data_ + index * sizeof value, sizeof value);
    return value;
  }

  void append(Bytes bytes) {
    copy(room(bytes.size()), bytes.data(), bytes.size());
    end_ += bytes.size();
  }

  // The same for bytes behind which `kWide` more may be read, whatever they are.
  [[gnu::always_inline]] void append_wide(Bytes bytes) {
    char* to = room(bytes.size() + kWide);
    std::memcpy(to, bytes.data(), kWide);
    if (bytes.size() > kWide) std::memcpy(to + kWide, bytes.data() + kWide, bytes.size() - kWide);
    end_ += bytes.size();
  }

  // Where `size` bytes may be written; `wrote` says how many were.
  [[gnu::always_inline]] char* room(size_t size) {
    if (static_cast<size_t>(most_ - end_) < size) grow(size);
    return end_;
  }
  void wrote(size_t size) { end_ += size; }

  void insert(size_t at, Bytes bytes) {
    room(bytes.size());
    std::memmove(data_ + at + bytes.size(), data_ + at, size() - at);
    std::memcpy(data_ + at, bytes.data(), bytes.size());
    end_ += bytes.size();
  }

  void erase(size_t at, size_t count) {
    std::memmove(data_ + at, data_ + at + count, size() - at - count);
    end_ -= count;
  }

  void replace(size_t at, Bytes bytes) { std::memcpy(data_ + at, bytes.data(), bytes.size()); }

  void truncate(size_t size) { end_ = data_ + size; }

 private:
  // Arrow's offsets have 31 bits; every buffer stays below, so that none of them can wrap.
  static constexpr size_t kMost = INT32_MAX - 64;
  static constexpr size_t kFirst = 4096;

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

  [[gnu::noinline]] void grow(size_t more) {
    size_t size = this->size(), capacity = static_cast<size_t>(most_ - data_);
    if (more > kMost - size) throw std::length_error("a column holds at most 2 GiB");
    size_t larger = capacity < 1 << 16 ? std::max<size_t>(4 * capacity, kFirst) : 2 * capacity;
    capacity = std::min(kMost, std::max(larger, size + more));
    auto data = static_cast<char*>(std::realloc(data_, capacity));
    if (data == nullptr) throw std::bad_alloc();
    data_ = data;
    end_ = data + size;
    most_ = data + capacity;
  }

  char* data_ = nullptr;
  char* end_ = nullptr;   // behind what was written
  char* most_ = nullptr;  // behind what is allocated
};

}  // namespace aura
