// Mutates requests for a bounded time and has the native codec read them, under sanitizers.
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
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "batch.hpp"

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

size_t finished(aura::Batch& batch) {
  ArrowArray* rows = batch.finish();
  inspect(*rows);
  auto records = static_cast<size_t>(rows->length);
  rows->release(rows);
  return records;
}

// Returns whether the native codec had an answer of its own.
bool one(aura::Signal signal, const std::string& good, const std::string& mutant) {
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
  require(finished(*batch) == expected, "a request is added whole or not at all");
  require(finished(*batch) == 0, "a finished batch is empty");
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
    clear += one(seed.signal, seed.bytes, mutator.mutant(seeds, seed));
    ++mutants;
  }
  std::printf("%zu mutants, %zu of them clear\n", mutants, clear);
  require(clear > 0, "some mutants are clear");
}
