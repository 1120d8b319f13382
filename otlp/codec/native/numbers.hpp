// Runs of numbers in points: kept, and looked at for the rules as they come.
#pragma once

#include "attributes.hpp"

namespace aura {

__extension__ typedef unsigned __int128 Sum;  // 2^64 counts of 64 bits do not wrap

// A repeated fixed64 or double: packed or one by one, in any number of runs.
template <class T, class Each>
[[gnu::always_inline]] inline void read_fixed(Reader& in, bool packed, Each each) {
  if (!packed) {
    each(in.template fixed<T>());
    return;
  }
  for (Reader run = in.packed(); !run.done();) each(run.template fixed<T>());
}

// Bucket counts of a row.
template <bool keep>
struct Counts {
  Kept<keep, Numbers<uint64_t>> items;
  Kept<keep, Lists> rows{&items};
  Sum sum = 0;
  size_t size = 0;

  void begin() {
    sum = 0;
    size = 0;
  }
  void add(uint64_t count) {
    items.add(count);
    sum += count;
    ++size;
  }
  void end() { rows.end(items.size()); }
};

// Bounds of a row, or its quantiles: whether each is greater than the one before. NaN is greater than
// nothing, and nothing is greater than NaN.
struct Increasing {
  double first = 0, last = 0;
  size_t size = 0;
  bool holds = true;

  void add(double next) {
    if (size == 0) {
      first = next;
    } else if (!(last < next)) {
      holds = false;
    }
    last = next;
    ++size;
  }
};

template <bool keep>
struct Bounds {
  Kept<keep, Numbers<double>> items;
  Kept<keep, Lists> rows{&items};
  Increasing order;

  void begin() { order = {}; }
  void add(double bound) {
    items.add(bound);
    order.add(bound);
  }
  void end() { rows.end(items.size()); }
};

}  // namespace aura
