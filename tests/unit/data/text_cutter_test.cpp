// Long texts that are encoded in parts have the ids of the whole, with every golden tokenizer.
#include "data/text_cutter.h"

#include "catch.h"
#include "data/dataset.h"
#include "tokenizer/golden_tokenizers.h"

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

/// Stories and plays, with difficult texts between their paragraphs: added tokens, runs of white
/// space, other scripts, marks.
std::string hard_text() {
  const std::string real =
      read_file(fs::path(EXPANDFT_DATA) / "tinyshakespeare.valid.txt").substr(0, 60000) +
      read_file(fs::path(EXPANDFT_DATA) / "tinystories.valid.txt").substr(0, 60000);
  const std::vector<std::string> hard = hard_texts();
  std::string mixed;
  std::size_t next = 0;
  for (const char c : real) {
    mixed += c;
    if (c != '\n') continue;
    std::string text = hard[next++ % hard.size()];
    std::erase(text, '\0');
    mixed += text;
    if (next % 3 == 0) mixed += '\n';
  }
  return mixed;
}

Dataset load(const fs::path& file, const Tokenizer& tokenizer, std::size_t piece_bytes) {
  return load_dataset({.path = file, .max_length = 100, .piece_bytes = piece_bytes}, tokenizer);
}

}  // namespace

TEST_CASE("a text in pieces has the ids of the whole", "[text_cutter][golden]") {
  const auto name = GENERATE(from_range(golden_tokenizer_names()));
  CAPTURE(name);
  const auto tokenizer = golden_tokenizer(name);
  const std::string text = hard_text();
  const TempDirectory directory;
  const fs::path file = directory.write("text.txt", text);
  const Dataset whole = load(file, *tokenizer, text.size() + 1);
  for (const std::size_t piece : {9000u, 13001u, 60000u}) {
    CAPTURE(piece);
    const Dataset parts = load(file, *tokenizer, piece);
    CHECK(parts.report == whole.report);
    CHECK(fingerprint(parts) == fingerprint(whole));
  }
  // Nearly every part of the text has such places near its end.
  const TextCutter cutter(*tokenizer);
  std::size_t found = 0, stretches = 0;
  for (std::size_t at = 0; at + 20000 < text.size(); at += 10000, ++stretches) {
    while ((static_cast<unsigned char>(text[at]) & 0xC0u) == 0x80u) ++at;
    const std::string_view stretch =
        std::string_view(text).substr(at, utf8_prefix(text.substr(at, 20000)).length);
    found += cutter.last_cut(stretch) > stretch.size() - 8192;
  }
  CHECK(stretches > 10);
  CHECK(found + 1 >= stretches);
}

TEST_CASE("there is no cut unless one is known to be safe", "[text_cutter]") {
  const auto tokenizer = golden_tokenizer("stories260K");
  const TextCutter cutter(*tokenizer);
  CHECK(cutter.last_cut("") == 0);
  CHECK(cutter.last_cut("Once upon a time.\nThere was") == 0);  // too short to check
  CHECK(cutter.last_cut(std::string(20000, 'a')) == 0);
  CHECK(cutter.last_cut(std::string(20000, '\n')) == 0);
  CHECK(cutter.last_cut(std::string(6000, 'a') + "\n" + std::string(6000, 'a')) == 6001);
  CHECK(cutter.last_cut(std::string(6000, 'a') + " " + std::string(6000, 'a')) == 6000);
}

TEST_CASE("a text without a place to cut is encoded as one", "[text_cutter]") {
  const auto tokenizer = golden_tokenizer("json/gpt2");
  const TempDirectory directory;
  std::string text;
  for (int i = 0; i < 9000; ++i) text += std::to_string(i) + "  ";
  const fs::path file = directory.write("text.txt", text);
  CHECK(fingerprint(load(file, *tokenizer, 3000)) ==
        fingerprint(load(file, *tokenizer, text.size() + 1)));
}
