#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::array<std::string_view, 24> kWords = {"\"",
                                                     "\\",
                                                     "{",
                                                     "}",
                                                     "[",
                                                     "]",
                                                     ":",
                                                     ",",
                                                     "\n",
                                                     "\r\n",
                                                     "-1",
                                                     "0",
                                                     "1e",
                                                     "9",
                                                     "null",
                                                     "true",
                                                     "{}",
                                                     "\\ud800",
                                                     "\xff",
                                                     "\xef\xbb\xbf",
                                                     "18446744073709551616",
                                                     "../",
                                                     ".",
                                                     "1e999"};

/// Changes a few bytes, like a careless edit or a bad disk.
Bytes mutated(Bytes bytes, const Bytes& other, std::mt19937_64& random) {
  const auto below = [&](std::size_t end) { return end == 0 ? 0 : random() % end; };
  const auto at = [&](const Bytes& of) {
    return static_cast<std::ptrdiff_t>(below(of.size() + 1));
  };
  for (std::size_t i = 0, changes = 1 + below(4); i < changes; ++i) {
    const std::ptrdiff_t from = at(bytes), to = at(bytes);
    const auto [begin, end] = std::minmax(from, to);
    switch (below(6)) {
      case 0:
        if (!bytes.empty()) bytes[below(bytes.size())] ^= static_cast<std::uint8_t>(1u << below(8));
        break;
      case 1:
        bytes.erase(bytes.begin() + begin, bytes.begin() + end);
        break;
      case 2: {
        const Bytes piece(bytes.begin() + begin, bytes.begin() + end);
        bytes.insert(bytes.begin() + at(bytes), piece.begin(), piece.end());
        break;
      }
      case 3: {
        const auto [first, last] = std::minmax({at(other), at(other)});
        bytes.insert(bytes.begin() + from, other.begin() + first, other.begin() + last);
        break;
      }
      default: {
        const std::string_view word = kWords[below(kWords.size())];
        const auto stop = std::min<std::ptrdiff_t>(from + static_cast<std::ptrdiff_t>(below(4)),
                                                   std::ssize(bytes));
        bytes.erase(bytes.begin() + from, bytes.begin() + stop);
        bytes.insert(bytes.begin() + from, word.begin(), word.end());
      }
    }
  }
  return bytes;
}

}  // namespace

// Runs a fuzz target on every file of a folder, and on mutations of them, for compilers without
// libFuzzer: replay FOLDER [MUTATIONS]. A failing input is left in the file "crash".
int main(int argc, char** argv) {
  if (argc < 2) return 1;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<Bytes> seeds;
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);  // so that the last line names the failing file
    LLVMFuzzerTestOneInput(seeds.back().data(), seeds.back().size());
  }
  if (seeds.empty()) return 1;
  const int mutations = argc > 2 ? std::atoi(argv[2]) : 0;
  std::mt19937_64 random(1);
  for (int i = 0; i < mutations; ++i) {
    const Bytes& seed = seeds[random() % seeds.size()];
    const Bytes input = mutated(seed, seeds[random() % seeds.size()], random);
    std::ofstream("crash", std::ios::binary)
        .write(reinterpret_cast<const char*>(input.data()), std::ssize(input));
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::filesystem::remove("crash");
  std::printf("%zu seeds, %d mutations\n", seeds.size(), mutations);
  return 0;
}
