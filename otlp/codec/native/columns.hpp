// Columns that grow, as Arrow lays them out ("Arrow columnar format").
#pragma once

#include <algorithm>
#include <vector>

#include "arrow.hpp"
#include "buffer.hpp"

namespace aura {

class Column {
 public:
  virtual ~Column() = default;
  virtual size_t size() const = 0;
  // Forgets all but the first `size` values, and what was begun after them.
  virtual void truncate(size_t size) = 0;
  // Gives its values away and is empty.
  virtual ArrowArray* hand_over(Handover& to) = 0;
};

template <class T>
class Numbers final : public Column {
 public:
  [[gnu::always_inline]] void add(T value) { values_.push(value); }
  void add_packed(Bytes little_endian) { values_.append(little_endian); }
  void fill(T value, size_t count) {
    char* at = values_.room(count * sizeof(T));
    for (size_t index = 0; index < count; ++index) std::memcpy(at + index * sizeof(T), &value, sizeof(T));
    values_.wrote(count * sizeof(T));
  }
  T at(size_t index) const { return values_.at<T>(index); }

  size_t size() const override { return values_.size() / sizeof(T); }
  void truncate(size_t size) override { values_.truncate(size * sizeof(T)); }
  ArrowArray* hand_over(Handover& to) override { return to.array(size(), 0, {nullptr, &values_}); }

 private:
  Buffer values_;
};

// IDs: those that are absent or have another length are zeros.
template <size_t width>
class Identifiers final : public Column {
 public:
  void add(Bytes id) {
    char* at = values_.room(width);
    if (id.size() == width) {
      std::memcpy(at, id.data(), width);
    } else {
      std::memset(at, 0, width);
    }
    values_.wrote(width);
  }

  size_t size() const override { return values_.size() / width; }
  void truncate(size_t size) override { values_.truncate(size * width); }
  ArrowArray* hand_over(Handover& to) override { return to.array(size(), 0, {nullptr, &values_}); }

 private:
  Buffer values_;
};

class Bits {
 public:
  void add(bool bit) {
    if (size_ % 8 == 0) bytes_.push(uint8_t{0});
    if (bit) const_cast<char*>(bytes_.data())[size_ / 8] |= static_cast<char>(1 << size_ % 8);
    ++size_;
  }
  void fill(bool bit, size_t count) {
    for (; count > 0 && size_ % 8 != 0; --count) add(bit);
    for (; count >= 8; count -= 8, size_ += 8) bytes_.push(static_cast<uint8_t>(bit ? 0xff : 0));
    for (; count > 0; --count) add(bit);
  }
  size_t size() const { return size_; }
  bool at(size_t index) const { return bytes_.data()[index / 8] >> index % 8 & 1; }
  void truncate(size_t size) {
    size_ = size;
    bytes_.truncate((size + 7) / 8);
    // What follows is added by setting bits only.
    if (size % 8 != 0) const_cast<char*>(bytes_.data())[size / 8] &= static_cast<char>((1 << size % 8) - 1);
  }
  Buffer* buffer() {
    size_ = 0;
    return &bytes_;
  }

 private:
  Buffer bytes_;
  size_t size_ = 0;
};

class Booleans final : public Column {
 public:
  void fill(bool value, size_t count) { values_.fill(value, count); }
  size_t size() const override { return values_.size(); }
  void truncate(size_t size) override { values_.truncate(size); }
  ArrowArray* hand_over(Handover& to) override {
    size_t length = size();
    return to.array(length, 0, {nullptr, values_.buffer()});
  }

 private:
  Bits values_;
};

// Numbers that may be absent.
template <class T>
class Optionals final : public Column {
 public:
  void add(T value) {
    values_.push(value);
    valid_.add(true);
  }
  void add_null() {
    values_.push(T{});
    valid_.add(false);
    ++nulls_;
  }
  void add_nulls(size_t count) {
    for (size_t index = 0; index < count; ++index) values_.push(T{});
    valid_.fill(false, count);
    nulls_ += count;
  }

  size_t size() const override { return valid_.size(); }
  void truncate(size_t size) override {
    for (size_t index = size; index < valid_.size(); ++index) nulls_ -= !valid_.at(index);
    values_.truncate(size * sizeof(T));
    valid_.truncate(size);
  }
  ArrowArray* hand_over(Handover& to) override {
    size_t length = size();
    return to.array(length, std::exchange(nulls_, 0), {valid_.buffer(), &values_});
  }

 private:
  Buffer values_;
  Bits valid_;
  size_t nulls_ = 0;
};

// The ends of values of variable length; the first begins at 0.
class Offsets {
 public:
  [[gnu::always_inline]] void end(size_t at) {
    if (ends_.size() == 0) ends_.push(int32_t{0});
    ends_.push(static_cast<int32_t>(at));
  }
  void repeat(size_t count) {
    if (count == 0) return;
    if (ends_.size() == 0) ends_.push(int32_t{0});
    auto last = ends_.at<int32_t>(size());
    char* at = ends_.room(count * sizeof last);
    for (size_t index = 0; index < count; ++index) std::memcpy(at + index * sizeof last, &last, sizeof last);
    ends_.wrote(count * sizeof last);
  }
  size_t size() const { return ends_.size() == 0 ? 0 : ends_.size() / sizeof(int32_t) - 1; }
  size_t begin(size_t index) const { return index == 0 ? 0 : static_cast<size_t>(ends_.at<int32_t>(index)); }
  void truncate(size_t size) { ends_.truncate(size == 0 ? 0 : (size + 1) * sizeof(int32_t)); }
  Buffer* buffer() { return &ends_; }

 private:
  Buffer ends_;
};

class Texts final : public Column {
 public:
  void add(Bytes text) {
    bytes_.append(text);
    end();
  }
  // `wide` says that `kWide` bytes behind the text may be read.
  [[gnu::always_inline]] void add(Bytes text, bool wide) {
    if (wide) {
      bytes_.append_wide(text);
    } else {
      bytes_.append(text);
    }
    end();
  }
  // A text is also written in pieces, and then ended.
  Buffer& bytes() { return bytes_; }
  [[gnu::always_inline]] void end() { offsets_.end(bytes_.size()); }
  Bytes at(size_t index) const {
    size_t begin = offsets_.begin(index);
    return Bytes(bytes_.data() + begin, offsets_.begin(index + 1) - begin);
  }

  size_t size() const override { return offsets_.size(); }
  void truncate(size_t size) override {
    bytes_.truncate(offsets_.begin(size));
    offsets_.truncate(size);
  }
  ArrowArray* hand_over(Handover& to) override {
    size_t length = size();
    return to.array(length, 0, {nullptr, offsets_.buffer(), &bytes_});
  }

 private:
  Buffer bytes_;
  Offsets offsets_;
};

class Struct final : public Column {
 public:
  explicit Struct(std::vector<Column*> fields) : fields_(std::move(fields)) {}

  size_t size() const override { return fields_.front()->size(); }
  void truncate(size_t size) override {
    for (Column* field : fields_) field->truncate(size);
  }
  ArrowArray* hand_over(Handover& to) override {
    size_t length = size();
    std::vector<ArrowArray*> children;
    for (Column* field : fields_) children.push_back(field->hand_over(to));
    return to.array(length, 0, {nullptr}, std::move(children));
  }

 private:
  std::vector<Column*> fields_;
};

class Lists final : public Column {
 public:
  explicit Lists(Column* items) : items_(items) {}

  // The items that were added since the last end are one value; `items` is how many there are.
  void end(size_t items) { offsets_.end(items); }
  void add_empty(size_t count) { offsets_.repeat(count); }

  size_t size() const override { return offsets_.size(); }
  void truncate(size_t size) override {
    items_->truncate(offsets_.begin(size));
    offsets_.truncate(size);
  }
  ArrowArray* hand_over(Handover& to) override {
    size_t length = size();
    ArrowArray* items = items_->hand_over(to);
    return to.array(length, 0, {nullptr, offsets_.buffer()}, {items});
  }

 private:
  Offsets offsets_;
  Column* items_;
};

}  // namespace aura
