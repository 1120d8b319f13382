// Mutates requests for a bounded time and has the native codec read and write them, under sanitizers.
//
//   codec SECONDS SEED FILE...
//
// Files are serialized requests whose name begins with the signal's number. What must hold for each
// mutant: no crash, no read or write out of bounds, no undefined behaviour (the sanitizers), no hang
// (an alarm), check and decode agree on every record, and the batch is sound: offsets ascend and end
// within their items, text is UTF-8, a refused request leaves nothing behind.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "batch.hpp"
#include "request_writer.hpp"

namespace {

using aura::Bytes;

constexpr unsigned kHangSeconds = 20;
constexpr size_t kBytesMax = 1 << 16;

struct Seed {
  aura::Signal signal;
  std::string bytes;
};

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  size_t below(size_t most) { return most == 0 ? 0 : random_() % most; }

  std::string mutant(const std::vector<Seed>& seeds, const Seed& seed) {
    std::string bytes = seed.bytes;
    for (size_t times = 1 + below(4); times > 0; --times) change(bytes, seeds[below(seeds.size())].bytes);
    if (bytes.size() > kBytesMax) bytes.resize(kBytesMax);
    return bytes;
  }

  void spoil(std::vector<char>& bytes) {
    if (!bytes.empty() && below(4) == 0) bytes[below(bytes.size())] = "\"\\[]{},:$0e-n\xff"[below(14)];
  }

 private:
  void change(std::string& bytes, const std::string& other) {
    static const char kOdd[] = {0, 1, 2, 8, 0x0a, 0x12, 0x7f, char(0x80), char(0xff), char(0xc0), '$'};
    size_t at = below(bytes.size());
    switch (below(7)) {
      case 0: if (!bytes.empty()) bytes[at] = static_cast<char>(random_()); return;
      case 1: if (!bytes.empty()) bytes[at] = kOdd[below(sizeof kOdd)]; return;
      case 2: if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8)); return;
      case 3: bytes.erase(at, 1 + below(4)); return;
      case 4: bytes.insert(at, 1 + below(10), kOdd[below(sizeof kOdd)]); return;
      case 5: bytes.resize(at); return;
      default: {
        size_t from = below(other.size());
        bytes.insert(at, other.substr(from, 1 + below(64)));
      }
    }
  }

  std::mt19937_64 random_;
};

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

void write_back(aura::Signal signal, const ArrowArray& rows, Mutator& mutator) {
  ArrowArray own = rows;  // without `sequence` and `time`
  own.children += 2;
  own.n_children -= 2;
  std::deque<std::vector<char>> kept;
  own_texts(own, kept, [](std::vector<char>&) {});
  aura::Buffer request = written(signal, own, true);
  aura::Verdicts verdicts = aura::verdicts_of(signal, Bytes(request.data(), request.size()));
  require(verdicts == aura::Verdicts(static_cast<size_t>(rows.length), aura::kValid), "rows come back");
  own_texts(own, kept, [&](std::vector<char>& bytes) { mutator.spoil(bytes); });
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
  if (count < 4) {
    std::fprintf(stderr, "usage: codec SECONDS SEED FILE...\n");
    return 2;
  }
  std::vector<Seed> seeds;
  for (int index = 3; index < count; ++index) {
    std::string path = arguments[index], name = path.substr(path.rfind('/') + 1);
    std::ifstream file(path, std::ios::binary);
    seeds.push_back({static_cast<aura::Signal>(name[0] - '0'),
                     std::string(std::istreambuf_iterator<char>(file), {})});
  }
  Mutator mutator(std::strtoull(arguments[2], nullptr, 10));
  auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(std::atof(arguments[1]));
  size_t mutants = 0, clear = 0;
  while (std::chrono::steady_clock::now() < end) {
    const Seed& seed = seeds[mutator.below(seeds.size())];
    alarm(kHangSeconds);
    clear += one(seed.signal, seed.bytes, mutator.mutant(seeds, seed), mutator);
    ++mutants;
  }
  std::printf("%zu mutants, %zu of them clear\n", mutants, clear);
  require(clear > 0, "some mutants are clear");
}
