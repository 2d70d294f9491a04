#include "tasks/prompt_encoder.h"

#include "base/error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "tokenizer/stories_tokenizer.h"

using namespace expandft;
using expandft::testing::error_of;

namespace {

using Tokens = std::vector<TokenId>;

struct Fixture {
  const Tokenizer& tokenizer = stories_tokenizer();
  PromptEncoder encoder{tokenizer, 32};

  TokenRequest pair(const std::string& context, const std::string& continuation) const {
    return encoder.pairs({{context, continuation}}, "task.jsonl:3").front();
  }
};

Tokens joined(const TokenRequest& request) {
  Tokens tokens = request.context;
  tokens.insert(tokens.end(), request.continuation.begin(), request.continuation.end());
  return tokens;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a continuation's tokens are those of both texts behind the context's") {
  const TokenRequest request = pair("She was very", " happy");
  CHECK(request.context == tokenizer.encode("She was very", {.bos = true}));
  CHECK(joined(request) == tokenizer.encode("She was very happy", {.bos = true}));
  CHECK_FALSE(request.truncated);
  // One context after another.
  const auto two = encoder.pairs({{"The cat", " sat"}, {"The dog", " sat"}}, "");
  CHECK(two[0].context == tokenizer.encode("The cat", {.bos = true}));
  CHECK(two[1].context == tokenizer.encode("The dog", {.bos = true}));
}

TEST_CASE_METHOD(Fixture, "spaces at the end of a context go to the continuation") {
  CHECK(joined(pair("She was \n ", "sad")) == joined(pair("She was", " \n sad")));
  CHECK(pair("She was ", "sad").context == tokenizer.encode("She was", {.bos = true}));
}

TEST_CASE_METHOD(Fixture, "an empty context is BOS, and a BOS in the text is not doubled") {
  const TokenRequest request = pair("", "Once upon");
  CHECK(request.context == Tokens{*tokenizer.bos()});
  CHECK(request.continuation == tokenizer.encode("Once upon", {}));
  CHECK(pair(" ", "Once").context == Tokens{*tokenizer.bos()});
  const std::string bos = tokenizer.token(*tokenizer.bos());
  CHECK(pair(bos + "The", " cat").context.front() == *tokenizer.bos());
  CHECK(pair(bos + "The", " cat").context[1] != *tokenizer.bos());
}

TEST_CASE_METHOD(Fixture, "a context that does not fit loses its beginning, and says so") {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "the cat ";
  const TokenRequest request = pair(text + "and", " happy dog");
  CHECK(request.truncated);
  CHECK(request.context.size() + request.continuation.size() == 33);  // the last is not read
  const Tokens whole = tokenizer.encode(text + "and happy dog", {.bos = true});
  CHECK(joined(request) == Tokens(whole.end() - 33, whole.end()));

  const TokenPrompt prompt = encoder.prompt(text, 10, "");
  CHECK(prompt.truncated);
  CHECK(prompt.tokens.size() == 22);
  CHECK_FALSE(encoder.prompt("The cat", 10, "").truncated);
}

TEST_CASE_METHOD(Fixture, "texts that cannot be scored name their place") {
  std::string text;
  for (int i = 0; i < 40; ++i) text += " cat";
  const Error long_text = error_of([&] { pair("The", text); });
  CHECK_THAT(long_text.message(), has_text("the model reads at most 32"));
  CHECK(long_text.where() == "task.jsonl:3");
  CHECK_THAT(error_of([&] { pair("The", ""); }).message(), has_text("adds no token"));
  CHECK_THAT(error_of([&] { encoder.prompt("The", 32, ""); }).message(),
             has_text("leave no room for a prompt"));
}

TEST_CASE_METHOD(Fixture,
                 "windows predict each token of a document once, after what is before it") {
  for (const int words : {1, 10, 31, 32, 33, 64, 65, 100}) {
    CAPTURE(words);
    std::string text = "The";
    for (int i = 1; i < words; ++i) text += i % 3 == 0 ? " dog" : " cat";
    Tokens all = tokenizer.encode(text, {.bos = true});
    all.insert(all.begin(), *tokenizer.bos());  // an empty context's
    Tokens predicted;
    for (const TokenRequest& window : encoder.windows(text, "")) {
      CHECK(window.context.size() + window.continuation.size() <= 33);
      const std::size_t begin = predicted.size() + 1 - window.context.size();
      CHECK(window.context ==
            Tokens(all.begin() + static_cast<std::ptrdiff_t>(begin),
                   all.begin() + static_cast<std::ptrdiff_t>(predicted.size()) + 1));
      predicted.insert(predicted.end(), window.continuation.begin(), window.continuation.end());
    }
    CHECK(predicted == Tokens(all.begin() + 1, all.end()));
  }
}
