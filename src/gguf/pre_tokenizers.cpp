#include "gguf/pre_tokenizers.h"

#include <algorithm>
#include <string>
#include <vector>

namespace expandft {
namespace {

// The patterns that the tokenizer.json files of these families, or llama.cpp's rules for them,
// state. Letters that Unicode normalises to others are written as numbers, so that no editor does.
constexpr const char* kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kChinese = R"([一-龥ࠀ-一가-퟿]+)";

struct KnownPattern {
  std::string_view name;
  std::vector<const char*> patterns;  // each splits what the ones before it left
  bool ignore_merges = false, adds_bos = false;
};

/// The byte-level ones.
const std::vector<KnownPattern>& known_patterns() {
  static const std::vector<KnownPattern> known = {
      {"default",
       {R"([\p{P}\$\+<=>\^~\|]+)",
        R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))", R"(\p{N}+)",
        R"([0-9][0-9][0-9])"}},
      {"gpt-2", {kGpt2}},
      {"llama-bpe", {kLlama3}, true, true},
      {"smollm", {R"(\p{N})", kGpt2}},
      {"starcoder", {R"(\p{N})", kGpt2}},
      {"qwen2", {kQwen2}},
      {"qwen35", {kQwen35}},
      {"tekken", {kTekken}, true, true},
      {"falcon", {R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2, R"([0-9][0-9][0-9])"}},
      {"deepseek-llm",
       {R"([\r\n])",
        R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\x{1F7D}ᾀ-ᾴᾶ-ᾼ\x{1FBE}ῂ-ῄῆ-ῌῐ-\x{1FD3}ῖ-\x{1FDB}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\x{2126}ℨ\x{212A}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)",
        R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)", R"(\s+$)", kChinese, R"(\p{N}+)"}},
      {"deepseek-coder", {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kChinese, R"(\p{N})"}},
  };
  return known;
}

Json split_step(const char* pattern) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", pattern}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

Json byte_level_step(bool prefix) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", prefix},
          {"trim_offsets", true},
          {"use_regex", false}};
}

GgufPreTokenizer byte_level_of(const KnownPattern& known) {
  GgufPreTokenizer found;
  Json steps = Json::array();
  for (const char* const pattern : known.patterns) steps.push_back(split_step(pattern));
  steps.push_back(byte_level_step(false));
  found.pre_tokenizer = {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
  found.decoder = byte_level_step(true);
  found.ignore_merges = known.ignore_merges;
  found.adds_bos = known.adds_bos;
  return found;
}

/// Gemma 4: spaces become "▁", only line breaks separate words, unknown characters become bytes.
GgufPreTokenizer gemma4() {
  GgufPreTokenizer found = sentencepiece_steps(false);
  found.pre_tokenizer = split_step(R"([^\n]+|[\n]+)");
  return found;
}

constexpr std::string_view kGemma4 = "gemma4";

}  // namespace

GgufPreTokenizer sentencepiece_steps(bool adds_prefix) {
  GgufPreTokenizer found;
  const auto replace = [](const char* from, const char* to) {
    return Json({{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}});
  };
  found.normalizer = replace(" ", "▁");
  Json decoders =
      Json::array({replace("▁", " "), Json({{"type", "ByteFallback"}}), Json({{"type", "Fuse"}})});
  if (adds_prefix) {
    const Json prepend = {{"type", "Prepend"}, {"prepend", "▁"}};
    found.normalizer = {{"type", "Sequence"},
                        {"normalizers", Json::array({prepend, found.normalizer})}};
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  found.decoder = {{"type", "Sequence"}, {"decoders", std::move(decoders)}};
  found.byte_fallback = true;
  found.adds_bos = true;
  return found;
}

std::optional<GgufPreTokenizer> find_gguf_pre_tokenizer(std::string_view name) {
  if (name == kGemma4) return gemma4();
  const auto found = std::ranges::find(known_patterns(), name, &KnownPattern::name);
  if (found == known_patterns().end()) return std::nullopt;
  return byte_level_of(*found);
}

std::string known_gguf_pre_tokenizers() {
  std::string names;
  for (const KnownPattern& known : known_patterns()) names += std::string(known.name) + ", ";
  return names + std::string(kGemma4);
}

}  // namespace expandft
