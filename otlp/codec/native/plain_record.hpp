// One record of plain JSON, key by key: what is taken has a meaning, what is left is attributes.
#pragma once

#include "plain_time.hpp"
#include "plain_value.hpp"
#include "vocabulary.hpp"

namespace aura {

// A key and its value, as they stand in the text.
struct Member {
  Bytes key;
  char first = 0;  // what the value begins with
  bool special = false;  // text with escapes, or a number that is whole
  bool taken = false;
  Bytes source;  // of text what is between the quotes

  bool is_text() const { return first == '"'; }
  bool is_number() const { return first == '-' || is_digit(first); }
  JsonText text() const {
    if (!is_text()) unclear();
    return {source, special};
  }
  // Text to be looked at: with an escape in it, it is no usual ID, time or level.
  Bytes word() const {
    if (!is_text() || special) unclear();
    return source;
  }
  JsonNumber number() const {
    if (!is_number()) unclear();
    return {source, special};
  }
};

class PlainRecord {
 public:
  explicit PlainRecord(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  // Reads one object; what has no key at all is an empty export request.
  void read(JsonCursor& in) {
    size_ = 0;
    for (auto& ranks : places_) ranks.fill(kNowhere);
    bool empty = true;
    each_member(in, [&](Bytes key) {
      empty = false;
      uint32_t role = vocabulary_.role(key);
      if (role != Names::kNone && Role(role / kRanksMost) == Role::kExport) unclear();
      if (in.null()) return;
      if (role != Names::kNone) places_[role / kRanksMost][role % kRanksMost] = static_cast<uint8_t>(size_);
      members_[size_++] = member(in, key);
    });
    if (empty) unclear();
  }

  // The value of the first name of the role that is there, or null. Empty text is taken as nothing,
  // but where it may be blank.
  const Member* take(Role role, bool blank = false) {
    for (uint8_t place : places_[static_cast<size_t>(role)]) {
      if (place == kNowhere) continue;
      Member& found = members_[place];
      found.taken = true;
      if (blank || !found.is_text() || !found.source.empty()) return &found;
    }
    return nullptr;
  }

  // The value of the first name whose value is text, or an object.
  const Member* take_text(Role role) { return take_like(role, '"'); }
  const Member* take_object(Role role) { return take_like(role, '{'); }

  // Calls back with what nobody has taken.
  template <class Each>
  void each_left(Each each) const {
    for (size_t index = 0; index < size_; ++index) {
      if (!members_[index].taken) each(members_[index]);
    }
  }

  // The place of one of the words of a role: by its number, its name, or its name in OTLP.
  uint32_t choice(Role role, const Member& member) {
    const Names& words = vocabulary_.words(role);
    if (!member.is_text()) return small(member, words.size());
    Bytes word = member.word();
    word.remove_prefix(word.rfind('_') + 1);  // SPAN_KIND_SERVER; where there is none, nothing goes
    uint32_t found = words.find(lower(word));
    if (found == Names::kNone) unclear();
    return found;
  }

  // The severity that the name of a level stands for, or 0.
  uint32_t severity(const Member& level) {
    Bytes word = level.word();
    if (word.front() == ' ' || word.back() == ' ') unclear();
    uint32_t found = vocabulary_.words(Role::kLevel).find(lower(word));
    return found == Names::kNone ? 0 : found;
  }

  static uint32_t small(const Member& member, size_t end) {
    JsonNumber number = member.number();
    if (!number.whole) unclear();
    auto value = integer_of<uint32_t>(number.digits);
    if (value >= end) unclear();
    return value;
  }

 private:
  static constexpr uint8_t kNowhere = UINT8_MAX;

  static Member member(JsonCursor& in, Bytes key) {
    Member member;
    member.key = key;
    member.first = in.peek();
    if (member.is_text()) {
      JsonText text = in.text();
      in.check(text);
      member.source = text.raw;
      member.special = text.escaped;
    } else if (member.is_number()) {
      JsonNumber number = in.number();
      member.source = number.digits;
      member.special = number.whole;
    } else {
      const char* start = in.at();
      in.skip();
      member.source = Bytes(start, static_cast<size_t>(in.at() - start));
    }
    return member;
  }

  const Member* take_like(Role role, char first) {
    for (uint8_t place : places_[static_cast<size_t>(role)]) {
      if (place == kNowhere || members_[place].first != first) continue;
      members_[place].taken = true;
      return &members_[place];
    }
    return nullptr;
  }

  // In lower case; no word of ours has so many letters, and none is beyond ASCII, where Python knows
  // more of letters.
  Bytes lower(Bytes word) {
    if (!is_ascii(word.data(), word.size())) unclear();
    size_t size = std::min(word.size(), sizeof lower_);
    for (size_t index = 0; index < size; ++index) {
      char letter = word[index];
      lower_[index] = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter | 0x20) : letter;
    }
    return Bytes(lower_, size);
  }

  const Vocabulary& vocabulary_;
  std::array<std::array<uint8_t, kRanksMost>, kRoles> places_;
  Member members_[Keys::kMost];
  size_t size_ = 0;
  char lower_[32];
};

}  // namespace aura
