// Exemplars, and the values of number points: at most one of a double and an integer.
#pragma once

#include "attributes.hpp"
#include "rules.hpp"

namespace aura {

// The last one of `as_double` and `as_int` on the wire.
struct Measured {
  enum { kNone, kAsDouble, kAsInt } arm = kNone;
  double as_double = 0;
  int64_t as_int = 0;

  void set_double(double value) {
    arm = kAsDouble;
    as_double = value;
  }
  void set_int(uint64_t bits) {
    arm = kAsInt;
    as_int = static_cast<int64_t>(bits);
  }
};

template <bool keep>
struct Measurements {
  Kept<keep, Optionals<double>> value_double;
  Kept<keep, Optionals<int64_t>> value_int;

  void add(const Measured& value) {
    if (value.arm == Measured::kAsDouble) {
      value_double.add(value.as_double);
    } else {
      value_double.add_null();
    }
    if (value.arm == Measured::kAsInt) {
      value_int.add(value.as_int);
    } else {
      value_int.add_null();
    }
  }
};

template <bool keep>
struct Exemplars {
  Kept<keep, Numbers<uint64_t>> time_unix_nano;
  Measurements<keep> values;
  Kept<keep, Identifiers<8>> span_id;
  Kept<keep, Identifiers<16>> trace_id;
  Attributes<keep> filtered_attributes;
  Kept<keep, Struct> items{fields(&time_unix_nano, &values.value_double, &values.value_int, &span_id,
                                  &trace_id, &filtered_attributes.rows)};
  Kept<keep, Lists> rows{&items};

  void add(Reader in) {
    uint64_t time = 0;
    Measured value;
    Bytes span, trace;
    while (uint32_t found = in.next()) {
      switch (found) {
        case tag(2, kFixed64): time = in.fixed64(); break;
        case tag(3, kFixed64): value.set_double(in.float64()); break;
        case tag(4, kBytes): span = in.bytes(); break;
        case tag(5, kBytes): trace = in.bytes(); break;
        case tag(6, kFixed64): value.set_int(in.fixed64()); break;
        case tag(7, kBytes): filtered_attributes.add(in.message()); break;
        default: in.skip(found);
      }
    }
    time_unix_nano.add(time);
    values.add(value);
    span_id.add(span);
    trace_id.add(trace);
    filtered_attributes.end();
  }
  void end() { rows.end(time_unix_nano.size()); }
};

}  // namespace aura
