// A text cut at its last border has the ids of the whole, whatever follows, with every golden
// tokenizer. So have prompts and conversations, which are encoded in such parts.
#include "tokenizer/text_borders.h"

#include "catch.h"
#include "chat/builtin_templates.h"
#include "chat/chat_encoding.h"
#include "chat/model_chat.h"
#include "data/example_builder.h"
#include "golden_tokenizers.h"

#include <random>

using namespace expandft;

namespace {

using Ids = std::vector<TokenId>;

/// Ends of real and of difficult texts, of added tokens and of white space, in any order.
class TextMaker {
 public:
  TextMaker(const Tokenizer& tokenizer, unsigned seed) : random_(seed) {
    pieces_ = hard_texts();
    const std::string stories = read_file(fs::path(EXPANDFT_DATA) / "tinystories.valid.txt");
    for (std::size_t at = 0; at < 40000; at += 83) {
      pieces_.push_back(
          replace_invalid_utf8(stories.substr(at, 1 + at % 90), Replacing::kEachByte));
    }
    for (int i = 0; i < 60; ++i) {
      pieces_.push_back(
          tokenizer.token(static_cast<TokenId>(below(static_cast<std::size_t>(tokenizer.size())))));
    }
    for (TokenId id = 0; id < tokenizer.size(); ++id) {
      if (tokenizer.is_special(id)) pieces_.push_back(tokenizer.token(id));
    }
    for (const char* piece : {" ", "  ", "\n", " a b", "x y", "A B ", "'s", "it's a", "1 2", "_ _",
                              "</s>", "<s>", "<|im_end|>", "▁", "a▁b", "Ġ", "é e\u0301 e"}) {
      for (int i = 0; i < 8; ++i) pieces_.push_back(piece);
    }
  }

  std::string next(std::size_t most) {
    std::string text;
    for (std::size_t count = below(most + 1); count > 0; --count) {
      std::string piece = pieces_[below(pieces_.size())];
      if (piece.size() > 120) piece.resize(120);
      text += piece;
    }
    return replace_invalid_utf8(text, Replacing::kEachByte);
  }
  std::size_t below(std::size_t bound) { return random_() % bound; }

 private:
  std::mt19937 random_;
  std::vector<std::string> pieces_;
};

Ids in_two(const Tokenizer& tokenizer, std::string_view text, std::size_t at) {
  Ids ids = tokenizer.encode(text.substr(0, at));
  const Ids rest = tokenizer.encode(text.substr(at), {.continuation = true});
  ids.insert(ids.end(), rest.begin(), rest.end());
  return ids;
}

/// The tokenizer without borders, so that nothing is encoded in parts.
class Borderless final : public Tokenizer {
 public:
  explicit Borderless(const Tokenizer& other) : other_(other) {}
  using Tokenizer::encode;
  Ids encode(std::string_view text, const EncodeOptions& options) const override {
    return other_.encode(text, options);
  }
  std::size_t last_border(std::string_view, std::size_t from) const override { return from; }
  std::string decode(const Ids& ids, bool skip_special) const override {
    return other_.decode(ids, skip_special);
  }
  std::string token(TokenId id) const override { return other_.token(id); }
  std::int64_t size() const override { return other_.size(); }
  std::optional<TokenId> bos() const override { return other_.bos(); }
  std::optional<TokenId> eos() const override { return other_.eos(); }
  bool adds_bos() const override { return other_.adds_bos(); }
  bool stands_alone(TokenId id) const override { return other_.stands_alone(id); }

 private:
  const Tokenizer& other_;
};

/// How many texts have a border. Checks that none changes an id.
int checked_borders(const Tokenizer& tokenizer) {
  TextMaker maker(tokenizer, 11);
  int found = 0;
  for (int i = 0; i < 2500; ++i) {
    const std::string text = maker.next(8);
    const std::size_t border = tokenizer.last_border(text);
    REQUIRE(border <= text.size());
    if (border == 0) continue;
    ++found;
    CHECK(tokenizer.last_border(text, border) == border);  // none after the last
    CHECK(tokenizer.last_border(text, border - 1) == border);
    for (const std::string& end : {std::string(), maker.next(2), maker.next(3)}) {
      const std::string whole = text + end;
      if (in_two(tokenizer, whole, border) == tokenizer.encode(whole)) continue;
      CAPTURE(text, border, end);
      CHECK(in_two(tokenizer, whole, border) == tokenizer.encode(whole));
    }
  }
  return found;
}

}  // namespace

TEST_CASE("a text cut at its last border has the ids of the whole, whatever follows",
          "[text_borders][golden]") {
  const auto name = GENERATE(from_range(golden_tokenizer_names()));
  CAPTURE(name);
  // The medley has an unknown pattern, and the others lack letters.
  const bool has_borders = name != "json/medley" && !name.starts_with("json/metaspace");
  CHECK(checked_borders(*golden_tokenizer(name)) > (has_borders ? 100 : -1));
}

TEST_CASE("there is no border before special tokens that are not found in texts",
          "[text_borders][golden]") {
  const auto name = GENERATE(as<std::string>{}, "json/qwen3", "mistral-v3");
  CAPTURE(name);
  const auto tokenizer =
      golden_tokenizer(name, {{"tokenizer_config.json", {{"split_special_tokens", true}}}});
  REQUIRE(tokenizer->splits_special_tokens());
  CHECK(tokenizer->last_border(name == "mistral-v3" ? "Hi.[/INST]" : "Hi.<|im_end|>") == 0);
  CHECK(checked_borders(*tokenizer) > 100);
}

TEST_CASE("prompts and completions have the ids that encoding both whole gives",
          "[text_borders][golden]") {
  const auto name = GENERATE(from_range(golden_tokenizer_names()));
  CAPTURE(name);
  const auto tokenizer = golden_tokenizer(name);
  const Borderless whole(*tokenizer);
  TextMaker maker(*tokenizer, 12);
  for (int i = 0; i < 1500; ++i) {
    const std::string prompt = maker.next(5), completion = maker.next(4);
    const PromptAndCompletion found = encode_prompt_and_completion(*tokenizer, prompt, completion);
    const PromptAndCompletion expected = encode_prompt_and_completion(whole, prompt, completion);
    if (found.prompt == expected.prompt && found.completion == expected.completion) continue;
    CAPTURE(prompt, completion);
    CHECK(found.prompt == expected.prompt);
    CHECK(found.completion == expected.completion);
  }
}

TEST_CASE("conversations have the ids and marks that encoding them whole gives",
          "[text_borders][golden]") {
  const auto name = GENERATE(as<std::string>{}, "mistral-v1", "mistral-v3", "gemma", "json/llama3",
                             "json/qwen3", "json/phi3", "json/gemma");
  CAPTURE(name);
  const auto tokenizer = golden_tokenizer(name);
  const Borderless whole(*tokenizer);
  TextMaker maker(*tokenizer, 13);
  int templates = 0;
  for (const BuiltinTemplate& one : builtin_templates()) {
    const ModelChat chat("", one.name, *tokenizer);
    if (chat.end_tokens().size() != 1) continue;
    ++templates;
    CAPTURE(one.name);
    for (int i = 0; i < 60; ++i) {
      Conversation conversation;
      for (std::size_t turn = 0; turn < 2 * (1 + maker.below(4)); ++turn) {
        const bool asks = turn % 2 == 0;
        conversation.messages.push_back(
            {{"role", asks ? "user" : "assistant"}, {"content", maker.next(4)}});
        conversation.learned.push_back(!asks);
      }
      const RenderedChat rendered = chat.render(conversation, {}, "test");
      const Example example = encode_chat(rendered, false, *tokenizer);
      CAPTURE(rendered.text);
      CHECK(example.tokens == tokenizer->encode(rendered.text));
      CHECK(example.learned == encode_chat(rendered, false, whole).learned);
      // The same places without the tokens that end answers.
      RenderedChat endless = rendered;
      for (AnswerSpan& answer : endless.answers) answer.end_size = 0;
      CHECK(encode_chat(endless, false, *tokenizer).learned ==
            encode_chat(endless, false, whole).learned);
    }
  }
  CHECK(templates > 0);
}
