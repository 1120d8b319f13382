// The rules of `otlp/codec/rules.py` by number: the order is that of its RULES, which starts at 1.
#pragma once

#include <cstdint>
#include <string>

#include "utf8.hpp"

namespace aura {

enum Rule : char {
  kValid = 0,
  kTraceId,
  kSpanId,
  kParentSpanId,
  kTime,
  kTemporality,
  kValue,
  kBounds,
  kBuckets,
  kCount,
  kExponentialCount,
  kQuantiles,
};

// One Rule for each record of a request, in its order.
using Verdicts = std::string;

inline bool valid_trace_id(Bytes id) {
  return id.size() == 16 && (eight(id.data()) | eight(id.data() + 8)) != 0;
}

inline bool valid_span_id(Bytes id) { return id.size() == 8 && eight(id.data()) != 0; }

}  // namespace aura
