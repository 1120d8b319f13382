// Names to numbers: what a key of JSON, or the name of an enum's value, stands for.
#pragma once

#include <string>
#include <vector>

#include "utf8.hpp"

namespace aura {

// Tells names apart by their length, their beginning and their end; senders gain nothing from names
// that do not differ there, since the names that are looked up in are ours.
[[gnu::always_inline]] inline uint64_t hash_of(Bytes name) {
  uint64_t first = 0, last = 0;
  const char* end = name.data() + name.size();
  if (name.size() >= 8) {
    first = eight(name.data());
    last = eight(end - 8);
  } else if (name.size() >= 4) {
    first = four(name.data());
    last = four(end - 4);
  } else {
    for (char character : name) first = first << 8 | static_cast<uint8_t>(character);
  }
  uint64_t mixed = (first + name.size()) * 0x9e3779b97f4a7c15 ^ last * 0xc2b2ae3d27d4eb4f;
  return mixed ^ mixed >> 32;
}

class Names {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  void add(std::string name, uint32_t number) {
    entries_.push_back({std::move(name), number});
    while (mask_ < 2 * entries_.size()) mask_ = 2 * mask_ + 1;
    places_.assign(mask_ + 1, kNone);
    for (size_t index = 0; index < entries_.size(); ++index) {
      size_t place = hash_of(entries_[index].name) & mask_;
      while (places_[place] != kNone) place = (place + 1) & mask_;
      places_[place] = static_cast<uint32_t>(index);
    }
  }

  size_t size() const { return entries_.size(); }

  // The number of the name, or kNone.
  uint32_t find(Bytes name) const {
    for (size_t place = hash_of(name) & mask_;; place = (place + 1) & mask_) {
      uint32_t index = places_[place];
      if (index == kNone) return kNone;
      if (entries_[index].name == name) return entries_[index].number;
    }
  }

 private:
  struct Entry {
    std::string name;
    uint32_t number;
  };

  std::vector<Entry> entries_;
  std::vector<uint32_t> places_{kNone};  // of the entries, by hash; half of them are free
  size_t mask_ = 0;
};

}  // namespace aura
