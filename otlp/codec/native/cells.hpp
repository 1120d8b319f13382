// Columns of a batch that somebody hands over (arrow.hpp), read row by row.
//
// Their types are those of `pipeline/schema.py`, with plain text in the place of dictionaries where a
// store made it so; the caller sees to that. A null reads as zero, as empty text, or as no items.
#pragma once

#include "arrow.hpp"

namespace aura {

// An array as it lies in the one around it: a slice of a struct has an offset of its own.
struct Slice {
  const ArrowArray& array;
  int64_t offset;

  explicit Slice(const ArrowArray& of, int64_t around = 0) : array(of), offset(of.offset + around) {}
  Slice field(size_t index) const { return Slice(*array.children[index], offset); }
  Slice items() const { return Slice(*array.children[0]); }  // what a list points to
};

// The fields of a struct in their order.
class Fields {
 public:
  explicit Fields(Slice of) : of_(of) {}
  Slice next() { return of_.field(index_++); }

 private:
  Slice of_;
  size_t index_ = 0;
};

class Validity {
 public:
  explicit Validity(Slice of)
      : bits_(of.array.null_count == 0 ? nullptr : static_cast<const uint8_t*>(of.array.buffers[0])),
        offset_(of.offset) {}
  bool operator[](size_t row) const {
    if (bits_ == nullptr) return true;
    auto at = static_cast<size_t>(offset_) + row;
    return bits_[at / 8] >> at % 8 & 1;
  }

 private:
  const uint8_t* bits_;
  int64_t offset_;
};

template <class T>
class NumberCells {
 public:
  explicit NumberCells(Slice of)
      : valid_(of), values_(static_cast<const T*>(of.array.buffers[1])), offset_(of.offset) {}
  bool has(size_t row) const { return valid_[row]; }
  T operator[](size_t row) const { return has(row) ? values_[offset_ + static_cast<int64_t>(row)] : T{}; }

 private:
  Validity valid_;
  const T* values_;
  int64_t offset_;
};

class BooleanCells {
 public:
  explicit BooleanCells(Slice of)
      : valid_(of), bits_(static_cast<const uint8_t*>(of.array.buffers[1])), offset_(of.offset) {}
  bool operator[](size_t row) const {
    auto at = static_cast<size_t>(offset_) + row;
    return valid_[row] && (bits_[at / 8] >> at % 8 & 1);
  }

 private:
  Validity valid_;
  const uint8_t* bits_;
  int64_t offset_;
};

template <size_t width>
class IdentifierCells {
 public:
  explicit IdentifierCells(Slice of)
      : valid_(of), bytes_(static_cast<const char*>(of.array.buffers[1])), offset_(of.offset) {}
  Bytes operator[](size_t row) const {
    if (!valid_[row]) return {};
    return Bytes(bytes_ + (offset_ + static_cast<int64_t>(row)) * static_cast<int64_t>(width), width);
  }
  // Nothing where it is all zero: the columns' way to say that there is none.
  Bytes unless_zero(size_t row) const {
    static const char kZeros[width] = {};
    Bytes found = (*this)[row];
    return found == Bytes(kZeros, width) ? Bytes() : found;
  }

 private:
  Validity valid_;
  const char* bytes_;
  int64_t offset_;
};

// Where the items of each row lie: of a list, or of a text its bytes.
class Ranges {
 public:
  explicit Ranges(Slice of)
      : valid_(of), ends_(static_cast<const int32_t*>(of.array.buffers[1])), offset_(of.offset) {}

  struct Range {
    size_t begin, end;
  };
  Range operator[](size_t row) const {
    if (!valid_[row]) return {0, 0};
    const int32_t* at = ends_ + offset_ + static_cast<int64_t>(row);
    return {static_cast<size_t>(at[0]), static_cast<size_t>(at[1])};
  }

 private:
  Validity valid_;
  const int32_t* ends_;
  int64_t offset_;
};

// Text, as it is or by a dictionary.
class TextCells {
 public:
  explicit TextCells(Slice of)
      : texts_(of.array.dictionary == nullptr ? of : Slice(*of.array.dictionary)),
        bytes_(static_cast<const char*>(texts_.array.buffers[2])),
        ranges_(texts_),
        repeats_(of.array.dictionary != nullptr),
        indices_(of) {}
  Bytes operator[](size_t row) const {
    if (repeats_) {
      if (!indices_.has(row)) return {};
      row = static_cast<size_t>(indices_[row]);
    }
    auto [begin, end] = ranges_[row];
    return Bytes(bytes_ + begin, end - begin);
  }

 private:
  Slice texts_;
  const char* bytes_;
  Ranges ranges_;
  bool repeats_;
  NumberCells<int32_t> indices_;  // of no meaning where it has no dictionary
};

// A list of numbers in each row.
template <class T>
class RunCells {
 public:
  explicit RunCells(Slice of)
      : rows_(of), offset_(of.items().offset), values_(static_cast<const T*>(of.items().array.buffers[1])) {}

  Bytes operator[](size_t row) const {  // little-endian, as on the wire
    auto [begin, end] = rows_[row];
    if (begin == end) return {};
    const T* from = values_ + offset_ + static_cast<int64_t>(begin);
    return Bytes(reinterpret_cast<const char*>(from), (end - begin) * sizeof(T));
  }

 private:
  Ranges rows_;
  int64_t offset_;
  const T* values_;
};

}  // namespace aura
