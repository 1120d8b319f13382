// Text that repeats: each distinct value once, in the order in which it was first seen.
#pragma once

#include <random>
#include <vector>

#include "columns.hpp"
#include "utf8.hpp"

namespace aura {

// Seeded, so that a sender cannot choose texts that collide. Folds 128-bit products.
class Hash {
 public:
  uint64_t operator()(Bytes text) const {
    const char* at = text.data();
    size_t left = text.size();
    uint64_t hash = seed_ ^ left;
    for (; left > 8; at += 8, left -= 8) hash = fold(hash ^ eight(at), kOdd);
    uint64_t last = 0;
    if (left > 0) std::memcpy(&last, at, left);
    return fold(fold(hash ^ last, kOdd), seed_ | 1);
  }

 private:
  static constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;

  static uint64_t fold(uint64_t one, uint64_t two) {
    auto product = static_cast<unsigned __int128>(one) * two;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

  static uint64_t random() {
    std::random_device device;
    return static_cast<uint64_t>(device()) << 32 | device();
  }

  inline static const uint64_t seed_ = random();
};

class Dictionary final : public Column {
 public:
  void add(Bytes text) { fill(text, 1); }

  void fill(Bytes text, size_t count) {
    if (count > 0) indices_.fill(find(text), count);
  }

  size_t size() const override { return indices_.size(); }

  void truncate(size_t size) override {
    indices_.truncate(size);
    int32_t distinct = 0;  // numbered as they were first seen, so that the rest holds all below
    for (size_t index = 0; index < size; ++index) distinct = std::max(distinct, indices_.at(index) + 1);
    texts_.truncate(static_cast<size_t>(distinct));
    hashes_.resize(static_cast<size_t>(distinct));
    spread(slots_.size());
  }

  ArrowArray* hand_over(Handover& to) override {
    ArrowArray* texts = texts_.hand_over(to);
    hashes_.clear();
    slots_.clear();
    ArrowArray* indices = indices_.hand_over(to);
    indices->dictionary = texts;
    return indices;
  }

 private:
  int32_t find(Bytes text) {
    if (last_ < texts_.size() && texts_.at(last_) == text) return static_cast<int32_t>(last_);
    if (2 * (hashes_.size() + 1) > slots_.size()) spread(std::max<size_t>(16, 2 * slots_.size()));
    uint64_t hash = hash_(text);
    size_t mask = slots_.size() - 1;
    for (size_t slot = hash & mask;; slot = (slot + 1) & mask) {
      if (slots_[slot] < 0) {
        slots_[slot] = static_cast<int32_t>(hashes_.size());
        hashes_.push_back(hash);
        texts_.add(text);
        last_ = hashes_.size() - 1;
        return slots_[slot];
      }
      auto found = static_cast<size_t>(slots_[slot]);
      if (hashes_[found] == hash && texts_.at(found) == text) {
        last_ = found;
        return slots_[slot];
      }
    }
  }

  // Open addressing: a power of two of slots, each with the number of a text or -1.
  void spread(size_t slots) {
    slots_.assign(slots, -1);
    for (size_t index = 0; index < hashes_.size(); ++index) {
      size_t slot = hashes_[index] & (slots - 1);
      while (slots_[slot] >= 0) slot = (slot + 1) & (slots - 1);
      slots_[slot] = static_cast<int32_t>(index);
    }
  }

  Numbers<int32_t> indices_;
  Texts texts_;
  std::vector<uint64_t> hashes_;
  std::vector<int32_t> slots_;
  size_t last_ = 0;
  Hash hash_;
};

}  // namespace aura
