// Mutates requests and has the native codec read and write them; `fuzz.hpp` says how it is run.
//
// Files are serialized requests. What must hold for each mutant: check and decode agree on every
// record, and the batch is sound: offsets ascend and end within their items, text is UTF-8, a refused
// request leaves nothing behind. The rows are written as a request again, which has as many records,
// all of them valid; then once more with their texts mutated, which is written or refused.
#include <deque>

#include "batch.hpp"
#include "fuzz.hpp"
#include "request_writer.hpp"

namespace {

using aura::Bytes;
using fuzz::Mutator;
using fuzz::require;

// Looks at every offset and every text of an exported array.
void inspect(const ArrowArray& array) {
  bool text = array.n_buffers == 3;
  if (text || (array.n_children == 1 && array.n_buffers == 2)) {
    auto offsets = static_cast<const int32_t*>(array.buffers[1]);
    require(offsets[0] == 0, "the first offset is 0");
    for (int64_t row = 0; row < array.length; ++row) {
      require(offsets[row] <= offsets[row + 1], "offsets ascend");
      auto from = static_cast<const char*>(text ? array.buffers[2] : nullptr);
      auto size = static_cast<size_t>(offsets[row + 1] - offsets[row]);
      require(!text || aura::is_utf8(Bytes(from + offsets[row], size)), "text is UTF-8");
    }
    require(text || offsets[array.length] == array.children[0]->length, "a list ends with its items");
  } else {
    for (int64_t child = 0; child < array.n_children; ++child) {
      require(array.children[child]->length == array.length, "columns have the same length");
    }
  }
  for (int64_t child = 0; child < array.n_children; ++child) inspect(*array.children[child]);
  if (array.dictionary != nullptr) inspect(*array.dictionary);
}

// Gives each text bytes of its own, which end where it ends: the sanitizer sees a read of one more.
template <class Change>
void own_texts(const ArrowArray& array, std::deque<std::vector<char>>& kept, Change change) {
  if (array.n_buffers == 3) {
    auto from = static_cast<const char*>(array.buffers[2]);
    kept.emplace_back(from, from + static_cast<const int32_t*>(array.buffers[1])[array.length]);
    change(kept.back());
    array.buffers[2] = kept.back().data();
  }
  for (int64_t child = 0; child < array.n_children; ++child) own_texts(*array.children[child], kept, change);
  if (array.dictionary != nullptr) own_texts(*array.dictionary, kept, change);
}

template <class Records>
aura::Buffer written_as(const ArrowArray& rows) {
  aura::RequestWriter<Records> request;
  request.add(rows);
  return request.finish();
}

// Returns the rows as a request, and an empty one for what is refused.
aura::Buffer written(aura::Signal signal, const ArrowArray& rows, bool sound) {
  try {
    switch (signal) {
      case aura::kTraces: return written_as<aura::SpansWriter>(rows);
      case aura::kLogs: return written_as<aura::LogsWriter>(rows);
      default: return written_as<aura::PointsWriter>(rows);
    }
  } catch (const aura::Unclear&) {
    require(!sound, "what was decoded can be written");
    return {};
  }
}

void spoil(std::vector<char>& bytes, Mutator& mutator) {
  static const Bytes kOdd("\"\\[]{},:$0e-n\xff", 14);
  if (!bytes.empty() && mutator.below(4) == 0) bytes[mutator.below(bytes.size())] = kOdd[mutator.below(kOdd.size())];
}

void write_back(aura::Signal signal, const ArrowArray& rows, Mutator& mutator) {
  ArrowArray own = rows;  // without `sequence` and `time`
  own.children += 2;
  own.n_children -= 2;
  std::deque<std::vector<char>> kept;
  own_texts(own, kept, [](std::vector<char>&) {});
  aura::Buffer request = written(signal, own, true);
  aura::Verdicts verdicts = aura::verdicts_of(signal, Bytes(request.data(), request.size()));
  require(verdicts == aura::Verdicts(static_cast<size_t>(rows.length), aura::kValid), "rows come back");
  own_texts(own, kept, [&](std::vector<char>& bytes) { spoil(bytes, mutator); });
  written(signal, own, false);
}

size_t finished(aura::Signal signal, aura::Batch& batch, Mutator& mutator) {
  ArrowArray* rows = batch.finish();
  inspect(*rows);
  write_back(signal, *rows, mutator);
  auto records = static_cast<size_t>(rows->length);
  rows->release(rows);
  return records;
}

// Returns whether the native codec had an answer of its own.
bool one(aura::Signal signal, const std::string& good, const std::string& mutant, Mutator& mutator) {
  // A copy that ends where the bytes end: the sanitizer sees a read of one more.
  std::vector<char> exact(mutant.begin(), mutant.end());
  Bytes payload(exact.data(), exact.size());
  bool clear = true;
  aura::Verdicts verdicts;
  try {
    verdicts = aura::verdicts_of(signal, payload);
  } catch (const aura::Unclear&) {
    clear = false;
  }
  auto batch = aura::batch_of(signal, aura::Window{1, 1, 0});
  size_t expected = 0;
  if (!good.empty()) {
    expected = aura::verdicts_of(signal, good).size();
    if (batch->append(good, 1, 1, expected).refused != 0) expected = 0;
  }
  aura::Outcome outcome = batch->append(payload, 2, 2, verdicts.size());
  require(outcome.clear == clear, "check and decode agree on what is clear");
  if (clear) {
    size_t refused = verdicts.find_first_not_of('\0');
    require(outcome.records == verdicts.size(), "check and decode count the same");
    require(outcome.refused == (refused == std::string::npos ? 0 : refused + 1), "they refuse the same");
    if (outcome.refused == 0) expected += verdicts.size();
  }
  require(finished(signal, *batch, mutator) == expected, "a request is added whole or not at all");
  require(finished(signal, *batch, mutator) == 0, "a finished batch is empty");
  return clear;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::string> odd;
  for (int byte : {0, 1, 2, 8, 0x0a, 0x12, 0x7f, 0x80, 0xff, 0xc0, int{'$'}}) {
    odd.emplace_back(1, static_cast<char>(byte));
  }
  auto seeds = fuzz::seeds_of(count, arguments);
  return fuzz::run(arguments, seeds, odd, [](const fuzz::Seed& seed, const std::string& mutant, Mutator& mutator) {
    return one(static_cast<aura::Signal>(seed.signal), seed.bytes, mutant, mutator);
  });
}
