// What a record holds: its columns, or nothing where it is only checked.
#pragma once

#include <type_traits>

#include "columns.hpp"
#include "dictionary.hpp"
#include "value.hpp"

namespace aura {

// Stands in the place of a column where records are only checked.
struct Nothing {
  template <class... Any>
  explicit Nothing(Any&&...) {}
  template <class... Any>
  void add(Any&&...) {}
  void add_null() {}
  void add_nulls(size_t) {}
  void add_empty(size_t) {}
  template <class... Any>
  void fill(Any&&...) {}
  void add_packed(Bytes) {}
  void end(size_t) {}
  size_t size() const { return 0; }
  void truncate(size_t) {}
};

template <bool keep, class Kind>
using Kept = std::conditional_t<keep, Kind, Nothing>;

template <class... Kind>
auto fields(Kind*... columns) {
  if constexpr ((std::is_base_of_v<Column, Kind> && ...)) {
    return std::vector<Column*>{columns...};
  } else {
    return Nothing{};
  }
}

// Values as type and text, side by side.
template <bool keep>
struct Values {
  Kept<keep, Numbers<uint8_t>> types;
  Kept<keep, Texts> texts;

  void add(const Value& value) {
    if constexpr (keep) {
      types.add(value.type);
      if (value.type == kString) {  // as most are
        texts.add(value.bytes);
      } else {
        write_text(texts.bytes(), value);
        texts.end();
      }
    } else {
      check_value(value);
    }
  }
};

// A column of `ATTRIBUTES` (pipeline/schema.py): the attributes of each row.
template <bool keep>
struct Attributes {
  Kept<keep, Texts> keys;
  Values<keep> values;
  Kept<keep, Struct> items{fields(&keys, &values.types, &values.texts)};
  Kept<keep, Lists> rows{&items};

  [[gnu::always_inline]] void add(Reader in) {
    UsualAttribute usual;
    if (!usual.read(in)) return add_any(in);
    if constexpr (keep) {
      bool wide = in.slack();
      keys.add(usual.key, wide);
      if (usual.is_text) {
        values.types.add(kString);
        values.texts.add(usual.text, wide);
      } else {
        values.types.add(kInt);
        write_int(values.texts.bytes(), usual.number);
        values.texts.end();
      }
    }
  }
  void end() { rows.end(values.types.size()); }

 private:
  [[gnu::noinline]] void add_any(Reader in) {
    Attribute found = read_attribute(in);
    keys.add(found.key);
    values.add(found.value);
  }
};

}  // namespace aura
