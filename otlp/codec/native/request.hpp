// An Export…ServiceRequest: resources, in them scopes, in them what a signal reads.
//
// What an envelope says is known at its end only (fields may follow the records on the wire), so its
// columns are filled then, for all of its records.
#pragma once

#include "attributes.hpp"
#include "envelope.hpp"
#include "rules.hpp"

namespace aura {

// How far a record's own time is believed (pipeline/window.py).
struct Window {
  uint64_t past = 0;
  uint64_t future = 0;
  uint64_t arrived = 0;

  uint64_t effective(uint64_t sent, uint64_t observed) const {
    if (believed(sent)) return sent;
    return believed(observed) ? observed : arrived;
  }

 private:
  bool believed(uint64_t time) const {
    if (time == 0) return false;
    return time < arrived ? arrived - time <= past : time - arrived <= future;
  }
};

// What the records of every signal have: `_SHARED` of pipeline/schema.py.
template <bool keep>
struct Shared {
  Window window;
  Verdicts verdicts;
  Kept<keep, Numbers<uint64_t>> sequence;
  Kept<keep, Numbers<uint64_t>> time;
  Kept<keep, Dictionary> resource;
  Kept<keep, Dictionary> scope;
};

// Fills a column with what `write` writes; it only checks where nothing is kept, or no record is there.
template <bool keep, class Column, class Write>
void fill(Column& column, size_t records, Buffer& scratch, Write write) {
  if (!keep || records == 0) return write(std::false_type{});
  scratch.truncate(0);
  write(std::true_type{});
  column.fill(Bytes(scratch.data(), scratch.size()), records);
}

template <class Rows>
void read_scope(Rows& rows, Reader in, Buffer& scratch) {
  Single scope;
  Bytes schema_url;
  size_t first = rows.shared.verdicts.size();
  while (uint32_t found = in.next()) {
    switch (found) {
      case tag(1, kBytes): scope.set(in.message()); break;
      case tag(2, kBytes): rows.read(in.message()); break;
      case tag(3, kBytes): schema_url = in.text(); break;
      default: in.skip(found);
    }
  }
  size_t records = rows.shared.verdicts.size() - first;
  fill<Rows::kKeep>(rows.shared.scope, records, scratch, [&](auto keep) {
    write_scope<decltype(keep)::value>(scratch, *scope, schema_url);
  });
}

template <class Rows>
void read_resource(Rows& rows, Reader in, Buffer& scratch) {
  Single resource;
  Bytes schema_url;
  size_t first = rows.shared.verdicts.size();
  while (uint32_t found = in.next()) {
    switch (found) {
      case tag(1, kBytes): resource.set(in.message()); break;
      case tag(2, kBytes): read_scope(rows, in.message(), scratch); break;
      case tag(3, kBytes): schema_url = in.text(); break;
      default: in.skip(found);
    }
  }
  size_t records = rows.shared.verdicts.size() - first;
  fill<Rows::kKeep>(rows.shared.resource, records, scratch, [&](auto keep) {
    write_resource<decltype(keep)::value>(scratch, *resource, schema_url);
  });
}

// Reads a request to its end; `rows.shared.verdicts` then has a rule for each record.
template <class Rows>
void read_request(Rows& rows, Bytes payload) {
  Buffer scratch;
  Reader in(payload);
  rows.shared.verdicts.clear();
  while (uint32_t found = in.next()) {
    if (found == tag(1, kBytes)) {
      read_resource(rows, in.message(), scratch);
    } else {
      in.skip(found);
    }
  }
}

}  // namespace aura
