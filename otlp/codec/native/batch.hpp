// Many requests of one signal, one batch: all or nothing of each.
#pragma once

#include <memory>

#include "logs.hpp"
#include "points.hpp"
#include "spans.hpp"

namespace aura {

enum Signal { kTraces, kLogs, kMetrics };

// What became of a request: kept when no record was refused and there were as many as expected.
struct Outcome {
  bool clear = true;  // else protobuf has to say what it is
  size_t records = 0;
  size_t refused = 0;  // the first refused record counted from 1, or 0
  Rule rule = kValid;
};

class Batch {
 public:
  virtual ~Batch() = default;
  virtual Outcome append(Bytes payload, uint64_t sequence, uint64_t arrived, size_t expected) = 0;
  virtual ArrowArray* finish() = 0;
};

template <class Rows>
class BatchOf final : public Batch {
 public:
  explicit BatchOf(Window window) { rows_.shared.window = window; }

  Outcome append(Bytes payload, uint64_t sequence, uint64_t arrived, size_t expected) override {
    size_t before = rows_.shared.sequence.size();
    try {
      Outcome outcome = read(payload, arrived);
      if (outcome.refused != 0 || outcome.records != expected) {
        truncate(before);
      } else {
        rows_.shared.sequence.fill(sequence, expected);
      }
      return outcome;
    } catch (const Unclear&) {
      truncate(before);
      Outcome unclear;
      unclear.clear = false;
      return unclear;
    } catch (...) {
      truncate(before);
      throw;
    }
  }

  ArrowArray* finish() override {
    size_t records = rows_.shared.sequence.size();
    auto batch = std::make_unique<Handover>();
    std::vector<ArrowArray*> columns;
    for (Column* column : rows_.columns()) columns.push_back(column->hand_over(*batch));
    ArrowArray* root = batch->array(records, 0, {nullptr}, std::move(columns));
    batch.release();  // it goes with its last array
    return root;
  }

 private:
  Outcome read(Bytes payload, uint64_t arrived) {
    rows_.shared.window.arrived = arrived;
    read_request(rows_, payload);
    const Verdicts& verdicts = rows_.shared.verdicts;
    Outcome outcome;
    outcome.records = verdicts.size();
    size_t refused = verdicts.find_first_not_of(static_cast<char>(kValid));
    if (refused != Verdicts::npos) {
      outcome.refused = refused + 1;
      outcome.rule = static_cast<Rule>(verdicts[refused]);
    }
    return outcome;
  }

  void truncate(size_t records) {
    for (Column* column : rows_.columns()) column->truncate(records);
  }

  Rows rows_;
};

inline std::unique_ptr<Batch> batch_of(Signal signal, Window window) {
  switch (signal) {
    case kTraces: return std::make_unique<BatchOf<Spans<true>>>(window);
    case kLogs: return std::make_unique<BatchOf<Logs<true>>>(window);
    default: return std::make_unique<BatchOf<Points<true>>>(window);
  }
}

// The verdict on each record of a request, nothing kept.
template <class Rows>
Verdicts verdicts_of(Bytes payload) {
  Rows rows;
  read_request(rows, payload);
  return std::move(rows.shared.verdicts);
}

inline Verdicts verdicts_of(Signal signal, Bytes payload) {
  switch (signal) {
    case kTraces: return verdicts_of<Spans<false>>(payload);
    case kLogs: return verdicts_of<Logs<false>>(payload);
    default: return verdicts_of<Points<false>>(payload);
  }
}

}  // namespace aura
