// Plain JSON to OTLP protobuf: `otlp/codec/plain.py`, for bodies without fault.
//
// Whatever is wrong or odd in a body leaves the whole of it to Python, which tells what, and where.
#pragma once

#include <map>

#include "batch.hpp"
#include "plain_writer.hpp"

namespace aura {

class Plain {
 public:
  Plain(const Vocabulary& vocabulary, Signal signal, uint64_t now, Bytes body)
      : signal_(signal), in_(body), record_(vocabulary), write_(records_, now), write_around_(around_, now) {}

  // All records as one request, those of a resource together; may be called once.
  Buffer request() {
    if (in_.done()) unclear();  // an empty body
    while (!in_.done()) {
      if (!in_.take('[')) {
        record();
      } else if (!in_.take(']')) {
        do {
          record();
        } while (in_.more(']'));
      }
    }
    for (const Group* group : order_) write(*group);
    return std::move(request_.out());
  }

 private:
  struct Place {
    size_t start, size, next;
  };

  struct Group {
    Bytes resource;
    size_t first, last;
    size_t size = 0;  // of all records with their tags and lengths
  };

  static constexpr size_t kEnd = SIZE_MAX;

  void record() {
    record_.read(in_);
    around_.out().truncate(0);
    write_around_.resource(record_);
    size_t start = records_.out().size();
    switch (signal_) {
      case kTraces: write_.span(record_); break;
      case kLogs: write_.log(record_); break;
      case kMetrics: write_.metric(record_); break;
    }
    size_t size = records_.out().size() - start;
    Group& group = group_of(around_.out());
    size_t place = places_.size();
    places_.push_back({start, size, kEnd});
    if (group.size == 0) {
      group.first = place;
    } else {
      places_[group.last].next = place;
    }
    group.last = place;
    group.size += WireWriter::framed(size);
  }

  Group& group_of(const Buffer& around) {
    Bytes resource(around.data(), around.size());
    if (last_ != nullptr && last_->resource == resource) return *last_;
    auto found = groups_.find(resource);
    if (found == groups_.end()) {
      found = groups_.emplace(std::string(resource), Group{}).first;
      found->second.resource = found->first;
      order_.push_back(&found->second);
    }
    last_ = &found->second;
    return *last_;
  }

  // The numbers are those of all three signals.
  void write(const Group& group) {
    size_t scope = WireWriter::framed(group.size);
    request_.varint(tag(1, kBytes));
    request_.varint(WireWriter::framed(group.resource.size()) + scope);
    request_.bytes(tag(1, kBytes), group.resource);
    request_.varint(tag(2, kBytes));
    request_.varint(group.size);
    for (size_t place = group.first; place != kEnd; place = places_[place].next) {
      const Place& found = places_[place];
      request_.bytes(tag(2, kBytes), Bytes(records_.out().data() + found.start, found.size));
    }
  }

  Signal signal_;
  JsonCursor in_;
  PlainRecord record_;
  WireWriter records_, around_, request_;
  PlainWriter write_, write_around_;
  std::vector<Place> places_;
  std::map<std::string, Group, std::less<>> groups_;
  std::vector<const Group*> order_;
  Group* last_ = nullptr;
};

}  // namespace aura
