#include "base/error.h"
#include "gguf/pre_tokenizers.h"
#include "gguf/writing/gguf_vocabulary.h"

#include <optional>

namespace expandft {
namespace {

/// The steps of a byte-level pre-tokenizer: patterns, each of which splits what the ones before it
/// left. Two tokenizer.json files may write the same steps differently.
class SplittingSteps {
 public:
  explicit SplittingSteps(const Json& pre_tokenizer) { read(pre_tokenizer); }

  bool is_known() const { return is_known_ && is_byte_level_; }
  const std::vector<std::string>& patterns() const { return patterns_; }

 private:
  void read(const Json& step);
  void read_split(const Json& step);

  std::vector<std::string> patterns_;
  bool is_known_ = true, is_byte_level_ = false;
};

void SplittingSteps::read_split(const Json& step) {
  const Json pattern = step.value("pattern", Json::object());
  const std::string behavior = step.value("behavior", "");
  const bool inverted = step.value("invert", false);
  // Removing what lies between matches, where matches cover the text, leaves the matches.
  const bool keeps_matches =
      (behavior == "Isolated" && !inverted) || (behavior == "Removed" && inverted);
  if (!keeps_matches || !pattern.contains("Regex")) {
    is_known_ = false;
    return;
  }
  patterns_.push_back(pattern.at("Regex").get<std::string>());
}

void SplittingSteps::read(const Json& step) {
  constexpr const char* kByteLevel =
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  const std::string type = step.is_object() ? step.value("type", "") : "";
  if (is_byte_level_) {
    is_known_ = false;  // a step after bytes have become characters
  } else if (type == "Sequence") {
    for (const Json& part : step.value("pretokenizers", Json::array())) read(part);
  } else if (type == "Split") {
    read_split(step);
  } else if (type == "Digits" && step.value("individual_digits", false)) {
    patterns_.emplace_back(R"(\p{N})");
  } else if (type == "ByteLevel" && !step.value("add_prefix_space", true)) {
    if (step.value("use_regex", true)) patterns_.emplace_back(kByteLevel);
    is_byte_level_ = true;
  } else {
    is_known_ = false;
  }
}

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  const std::string all = known_gguf_pre_tokenizers();
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find(", ", begin), all.size());
    names.push_back(all.substr(begin, end - begin));
    begin = end + 2;
  }
  return names;
}

/// Characters are composed, or nothing is done: llama.cpp does nothing.
bool is_harmless(const Json& normalizer) {
  return normalizer.is_null() || normalizer.value("type", "") == "NFC";
}

}  // namespace

std::string gguf_pre_tokenizer_name(const Json& tokenizer, const std::string& where) {
  const Json normalizer = tokenizer.value("normalizer", Json());
  if (!is_harmless(normalizer)) {
    throw input_error(
        "found the normalizer " + json_excerpt(normalizer) + ", which llama.cpp does not have",
        where + ": normalizer", "write a Hugging Face directory: --format huggingface");
  }
  const Json pre_tokenizer = tokenizer.value("pre_tokenizer", Json());
  const SplittingSteps steps(pre_tokenizer);
  const bool ignores_merges = tokenizer.at("model").value("ignore_merges", false);
  for (const std::string& name : known_names()) {
    const auto known = find_gguf_pre_tokenizer(name);
    if (!known || known->byte_fallback) continue;
    if (steps.is_known() && known->ignore_merges == ignores_merges &&
        SplittingSteps(known->pre_tokenizer).patterns() == steps.patterns()) {
      return name;
    }
  }
  throw input_error(
      "texts are split in a way that llama.cpp has no name for: " + json_excerpt(pre_tokenizer),
      where + ": pre_tokenizer",
      "known are " + known_gguf_pre_tokenizers() +
          "; write a Hugging Face directory: --format huggingface");
}

}  // namespace expandft
