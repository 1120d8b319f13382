// Mutates OTLP/JSON and plain JSON and has the native codec read them; `fuzz.hpp` says how it is run.
//
// Files are `otlp-…` and `plain-…` with bodies, and for each signal `grammar-…` and `vocabulary-…`
// with what they may hold. What must hold for each mutant: what is made of it is a request that the
// codec itself takes, in the form that senders make.
#include <map>

#include "fuzz.hpp"
#include "plain.hpp"
#include "transcode.hpp"

namespace {

using aura::Bytes;

struct Known {
  std::map<int, aura::Grammar> grammars;
  std::map<int, aura::Vocabulary> vocabularies;
};

bool read(const Known& known, const fuzz::Seed& seed, Bytes body, aura::Buffer& payload) {
  auto signal = static_cast<aura::Signal>(seed.signal);
  try {
    if (seed.kind == "otlp") {
      payload = aura::Transcoding(known.grammars.at(seed.signal), body).request(true);
    } else {
      payload = aura::Plain(known.vocabularies.at(seed.signal), signal, 1, body).request();
    }
  } catch (const aura::Unclear&) {
    return false;
  }
  return true;
}

// Returns whether the native codec had an answer of its own.
bool one(const Known& known, const fuzz::Seed& seed, const std::string& mutant) {
  // A copy that ends where the bytes end: the sanitizer sees a read of one more.
  std::vector<char> exact(mutant.begin(), mutant.end());
  aura::Buffer payload;
  if (!read(known, seed, Bytes(exact.data(), exact.size()), payload)) return false;
  try {
    aura::verdicts_of(static_cast<aura::Signal>(seed.signal), Bytes(payload.data(), payload.size()));
  } catch (const aura::Unclear&) {
    fuzz::require(false, "what is read is a request as senders make it");
  }
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  Known known;
  std::vector<fuzz::Seed> bodies;
  for (fuzz::Seed& seed : fuzz::seeds_of(count, arguments)) {
    if (seed.kind == "grammar") {
      known.grammars.emplace(seed.signal, seed.bytes);
    } else if (seed.kind == "vocabulary") {
      known.vocabularies.emplace(seed.signal, seed.bytes);
    } else {
      bodies.push_back(std::move(seed));
    }
  }
  const std::vector<std::string> odd = {
      "\"", "\\", "\\u", "\\ud83d", "\\ude00", "\\u00e9", "{", "}", "[", "]", ":", ",", " ", "null", "true",
      "0", "-", ".", "e9", "1e400", "9999999999999999999", "\"\"", "{}", "[]", "\xff", "\xc3\xa9", "\x1f"};
  return fuzz::run(arguments, bodies, odd, [&](const fuzz::Seed& seed, const std::string& mutant, fuzz::Mutator&) {
    return one(known, seed, mutant);
  });
}
