// Mutates files for a bounded time and has something read them, under sanitizers.
//
//   PROGRAM SECONDS SEED FILE...
//
// A file is named by its kind and the signal's number: `wire-1-…`. What must hold for each mutant: no
// crash, no read or write out of bounds, no undefined behaviour (the sanitizers), no hang (an alarm),
// and what the program requires.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace fuzz {

constexpr unsigned kHangSeconds = 20;
constexpr size_t kBytesMax = 1 << 16;

struct Seed {
  std::string kind;
  int signal = 0;
  std::string bytes;
};

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

// `odd` is what is put in often.
class Mutator {
 public:
  Mutator(uint64_t seed, std::vector<std::string> odd) : random_(seed), odd_(std::move(odd)) {}

  size_t below(size_t most) { return most == 0 ? 0 : random_() % most; }

  std::string mutant(const std::vector<Seed>& seeds, const Seed& seed) {
    std::string bytes = seed.bytes;
    for (size_t times = 1 + below(4); times > 0; --times) change(bytes, seeds[below(seeds.size())].bytes);
    if (bytes.size() > kBytesMax) bytes.resize(kBytesMax);
    return bytes;
  }

 private:
  void change(std::string& bytes, const std::string& other) {
    size_t at = below(bytes.size());
    const std::string& odd = odd_[below(odd_.size())];
    switch (below(7)) {
      case 0: if (!bytes.empty()) bytes[at] = static_cast<char>(random_()); return;
      case 1: if (!bytes.empty()) bytes.replace(at, 1, odd); return;
      case 2: if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8)); return;
      case 3: bytes.erase(at, 1 + below(4)); return;
      case 4:
        for (size_t times = 1 + below(10); times > 0; --times) bytes.insert(at, odd);
        return;
      case 5: bytes.resize(at); return;
      default: {
        size_t from = below(other.size());
        bytes.insert(at, other.substr(from, 1 + below(64)));
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<std::string> odd_;
};

inline Seed seed_of(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  std::ifstream file(path, std::ios::binary);
  size_t dash = name.find('-');
  return {name.substr(0, dash), name[dash + 1] - '0', std::string(std::istreambuf_iterator<char>(file), {})};
}

// Calls `one` with a seed, a mutant of it and the mutator, over and over; it returns whether it had an
// answer.
template <class One>
int run(char** arguments, const std::vector<Seed>& seeds, std::vector<std::string> odd, One one) {
  Mutator mutator(std::strtoull(arguments[2], nullptr, 10), std::move(odd));
  auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(std::atof(arguments[1]));
  size_t mutants = 0, clear = 0;
  while (std::chrono::steady_clock::now() < end) {
    const Seed& seed = seeds[mutator.below(seeds.size())];
    alarm(kHangSeconds);
    clear += one(seed, mutator.mutant(seeds, seed), mutator);
    ++mutants;
  }
  std::printf("%zu mutants, %zu of them clear\n", mutants, clear);
  require(clear > 0, "some mutants are clear");
  return 0;
}

inline std::vector<Seed> seeds_of(int count, char** arguments) {
  if (count < 4) {
    std::fprintf(stderr, "usage: %s SECONDS SEED FILE...\n", arguments[0]);
    std::exit(2);
  }
  std::vector<Seed> seeds;
  for (int index = 3; index < count; ++index) seeds.push_back(seed_of(arguments[index]));
  return seeds;
}

}  // namespace fuzz
