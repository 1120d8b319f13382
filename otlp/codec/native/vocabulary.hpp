// What the keys of plain JSON mean (otlp/codec/vocabulary.py writes it as text): by which names a
// record has what, and what the words of some of its values stand for.
#pragma once

#include <array>
#include <sstream>
#include <stdexcept>

#include "names.hpp"

namespace aura {

enum class Role : uint8_t {
  kService, kResource, kAttributes, kExport,
  kTraceId, kSpanId, kParentSpanId,
  kTime, kStart, kEnd, kDuration, kDurationMs,
  kLevel, kSeverityNumber, kEventName, kMessage,
  kName, kKind, kStatus, kStatusMessage,
  kUnit, kDescription, kType, kTemporality, kValue,
};

constexpr size_t kRoles = 25;
constexpr const char* kRoleNames[kRoles] = {
    "service", "resource", "attributes", "export",
    "trace_id", "span_id", "parent_span_id",
    "time", "start", "end", "duration", "duration_ms",
    "level", "severity_number", "event_name", "message",
    "name", "kind", "status", "status_message",
    "unit", "description", "type", "temporality", "value",
};

constexpr size_t kRanksMost = 8;  // names of one role: the first that a record has counts

// Lines of words: `name ROLE RANK NAME`, `word ROLE NUMBER WORD`.
class Vocabulary {
 public:
  explicit Vocabulary(const std::string& text) {
    std::istringstream lines(text);
    std::string kind, role, name;
    uint32_t number = 0;
    while (lines >> kind) {
      lines >> role >> number >> name;
      if (!lines) throw std::invalid_argument("a line of the vocabulary is broken");
      if (kind == "word") {
        words_[role_of(role)].add(name, number);
      } else if (number < kRanksMost) {
        roles_.add(name, role_of(role) * kRanksMost + number);
      } else {
        throw std::invalid_argument(role + " has too many names");
      }
    }
  }

  // Role and rank of a key as one number, ROLE * kRanksMost + RANK, or Names::kNone.
  uint32_t role(Bytes key) const { return roles_.find(key); }

  // The words of a role's values, in lower case.
  const Names& words(Role role) const { return words_[static_cast<size_t>(role)]; }

 private:
  static uint32_t role_of(const std::string& name) {
    for (uint32_t role = 0; role < kRoles; ++role) {
      if (kRoleNames[role] == name) return role;
    }
    throw std::invalid_argument(name + " is no role");
  }

  Names roles_;
  std::array<Names, kRoles> words_;
};

}  // namespace aura
