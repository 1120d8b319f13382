// Names to numbers: what a key of JSON, or the name of an enum's value, stands for.
#pragma once

#include <string>
#include <vector>

#include "utf8.hpp"

namespace aura {

// A name's first and last eight bytes, or as many as it has: all of a name of at most sixteen.
struct Ends {
  uint64_t first = 0, last = 0;

  [[gnu::always_inline]] static Ends of(Bytes name) {
    const char* end = name.data() + name.size();
    if (name.size() >= 8) return {eight(name.data()), eight(end - 8)};
    if (name.size() >= 4) return {four(name.data()), four(end - 4)};
    Ends ends;
    for (char character : name) ends.first = ends.first << 8 | static_cast<uint8_t>(character);
    return ends;
  }

  // Nothing is gained by names of one hash: ours are those that are looked up in.
  uint64_t hash(size_t size) const {
    uint64_t mixed = (first + size) * 0x9e3779b97f4a7c15 ^ last * 0xc2b2ae3d27d4eb4f;
    return mixed ^ mixed >> 32;
  }
};

class Names {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  void add(std::string name, uint32_t number) {
    Ends ends = Ends::of(name);
    entries_.push_back({ends, std::move(name), number});
    while (mask_ < 2 * entries_.size()) mask_ = 2 * mask_ + 1;
    places_.assign(mask_ + 1, kNone);
    for (size_t index = 0; index < entries_.size(); ++index) {
      const Entry& entry = entries_[index];
      size_t place = entry.ends.hash(entry.name.size()) & mask_;
      while (places_[place] != kNone) place = (place + 1) & mask_;
      places_[place] = static_cast<uint32_t>(index);
    }
  }

  size_t size() const { return entries_.size(); }

  // The number of the name, or kNone.
  uint32_t find(Bytes name) const {
    Ends ends = Ends::of(name);
    for (size_t place = ends.hash(name.size()) & mask_;; place = (place + 1) & mask_) {
      uint32_t index = places_[place];
      if (index == kNone) return kNone;
      if (entries_[index].is(name, ends)) return entries_[index].number;
    }
  }

 private:
  struct Entry {
    Ends ends;
    std::string name;
    uint32_t number;

    bool is(Bytes other, Ends others) const {
      if (other.size() != name.size() || ends.first != others.first || ends.last != others.last) return false;
      return other.size() <= 16 || other == name;
    }
  };

  std::vector<Entry> entries_;
  std::vector<uint32_t> places_{kNone};  // of the entries, by hash; half of them are free
  size_t mask_ = 0;
};

}  // namespace aura
