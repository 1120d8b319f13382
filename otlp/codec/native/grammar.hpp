// What OTLP/JSON may hold, as protobuf's own descriptors say it (otlp/codec/grammar.py writes them as
// text): the fields of each message by their names, the values of each enum by theirs.
#pragma once

#include <memory>
#include <sstream>
#include <stdexcept>

#include "names.hpp"

namespace aura {

// protobuf's own numbers of its types, and one of ours.
enum FieldType : uint8_t {
  kTypeHex = 0,  // bytes that OTLP/JSON writes as hex: an ID
  kTypeDouble = 1,
  kTypeInt64 = 3,
  kTypeUint64 = 4,
  kTypeInt32 = 5,
  kTypeFixed64 = 6,
  kTypeFixed32 = 7,
  kTypeBool = 8,
  kTypeText = 9,
  kTypeMessage = 11,
  kTypeBytes = 12,
  kTypeUint32 = 13,
  kTypeEnum = 14,
  kTypeSfixed32 = 15,
  kTypeSfixed64 = 16,
  kTypeSint32 = 17,
  kTypeSint64 = 18,
};

struct Field {
  FieldType type = kTypeHex;
  bool repeated = false;
  bool packed = false;
  bool presence = false;  // whether a value at its default is written: it is an item, or told from none
  uint32_t tag = 0;
  uint32_t target = 0;  // the message or the enum that it holds
  uint64_t bit = 0;     // its own within the message
  uint64_t arms = 0;    // the bit of its oneof, or 0
};

struct MessageType {
  std::vector<Field> fields;
  Names names;

  const Field* find(Bytes name) const {
    uint32_t index = names.find(name);
    return index == Names::kNone ? nullptr : &fields[index];
  }
};

// Lines of words: `field MESSAGE NUMBER TYPE REPEATED PACKED PRESENCE ONEOF TARGET NAME JSON_NAME`,
// `value ENUM NUMBER NAME`. Messages and enums are numbers, the request is message 0; ONEOF counts
// from 1.
class Grammar {
 public:
  explicit Grammar(const std::string& text) {
    std::istringstream lines(text);
    std::string kind;
    while (lines >> kind) {
      if (kind == "field") {
        add_field(lines);
      } else {
        add_value(lines);
      }
      if (!lines) throw std::invalid_argument("a line of the grammar is broken");
    }
    if (messages_.empty()) throw std::invalid_argument("the grammar is empty");
    messages_.resize(std::max(messages_.size(), targets_));
  }

  const MessageType& message(uint32_t number) const { return messages_[number]; }
  const Names& values(uint32_t number) const { return enums_[number]; }

 private:
  static constexpr size_t kFieldsMost = 64;  // bits of a mask

  template <class T>
  static T& grown(std::vector<T>& all, uint32_t number) {
    if (number >= all.size()) all.resize(number + 1);
    return all[number];
  }

  void add_field(std::istringstream& line) {
    uint32_t message = 0, number = 0, type = 0, arm = 0;
    Field field;
    std::string name, json_name;
    line >> message >> number >> type >> field.repeated >> field.packed >> field.presence >> arm >>
        field.target >> name >> json_name;
    MessageType& into = grown(messages_, message);
    if (into.fields.size() >= kFieldsMost) throw std::invalid_argument(name + " is one field too many");
    field.type = static_cast<FieldType>(type);
    field.presence |= field.repeated;
    field.tag = tag(number, wire(field));
    field.bit = uint64_t{1} << into.fields.size();
    if (arm > 0) field.arms = uint64_t{1} << arm % 64;
    if (field.type == kTypeMessage) targets_ = std::max<size_t>(targets_, field.target + 1);
    if (field.type == kTypeEnum) grown(enums_, field.target);
    auto index = static_cast<uint32_t>(into.fields.size());
    into.names.add(name, index);
    if (json_name != name) into.names.add(json_name, index);
    into.fields.push_back(field);
  }

  void add_value(std::istringstream& line) {
    uint32_t number = 0;
    int32_t value = 0;
    std::string name;
    line >> number >> value >> name;
    grown(enums_, number).add(name, static_cast<uint32_t>(value));
  }

  static Wire wire(const Field& field) {
    if (field.packed) return kBytes;
    switch (field.type) {
      case kTypeHex: case kTypeText: case kTypeBytes: case kTypeMessage: return kBytes;
      case kTypeDouble: case kTypeFixed64: case kTypeSfixed64: return kFixed64;
      case kTypeFixed32: case kTypeSfixed32: return kFixed32;
      default: return kVarint;
    }
  }

  std::vector<MessageType> messages_;
  std::vector<Names> enums_;
  size_t targets_ = 0;
};

}  // namespace aura
