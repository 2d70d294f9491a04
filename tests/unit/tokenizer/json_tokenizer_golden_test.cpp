// Ids and texts are those of the tokenizers package (tests/golden/tokenizers/json).
#include "base/json.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "streamed_text.h"
#include "tokenizer/tokenizer.h"

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

const fs::path kJsonGoldens = fs::path(EXPANDFT_TEST_DATA) / "golden" / "tokenizers" / "json";
using Ids = std::vector<TokenId>;

std::unique_ptr<const Tokenizer> load_json_golden(const Json& golden) {
  const TempDirectory directory;
  directory.write("tokenizer.json", golden["tokenizer"].dump());
  for (const auto& item : golden["files"].items()) directory.write(item.key(), item.value().dump());
  return Tokenizer::load(directory.path());
}

std::optional<TokenId> named(const Json& id) {
  return id.is_null() ? std::nullopt : std::optional(id.get<TokenId>());
}

}  // namespace

TEST_CASE("ids and texts of tokenizer.json equal the tokenizers package's", "[tokenizer][golden]") {
  const auto name =
      GENERATE(as<std::string>{}, "llama3", "qwen2", "qwen3", "gpt2", "deepseek", "phi3", "gemma",
               "gemma4", "tekken", "seed-oss", "granite", "metaspace-first", "metaspace-always",
               "metaspace-never", "llama-class", "llama-class-legacy", "medley");
  INFO("golden " << name);
  const Json texts = read_json(kJsonGoldens / "texts.json");
  const Json golden = read_json(kJsonGoldens / (name + ".json"));
  const auto tokenizer = load_json_golden(golden);

  // If no file names BOS and EOS, they are the tokens that the template adds.
  const auto hello = golden["hello"].get<Ids>();
  const bool unnamed = golden["files"].empty();
  CHECK(tokenizer->bos() == (unnamed ? hello.front() : named(golden["bos"])));
  CHECK(tokenizer->eos() == (unnamed ? hello.back() : named(golden["eos"])));
  CHECK(tokenizer->size() == golden["size"].get<std::int64_t>());
  CHECK(tokenizer->encode("Hello", {.bos = tokenizer->adds_bos(), .eos = tokenizer->adds_eos()}) ==
        hello);

  REQUIRE(golden["texts"].size() == texts.size());
  REQUIRE(texts.size() > 130);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto text = texts[i].get<std::string>();
    const Json& row = golden["texts"][i];
    const auto ids = row["ids"].get<Ids>();
    const auto decoded = row.value("decoded", text);
    const auto skipped = row.value("decoded_skip_special", decoded);
    INFO("text " << i << ": " << text);
    CHECK(tokenizer->encode(text) == ids);
    CHECK(tokenizer->encode(text, {.special_tokens = false}) ==
          (row.contains("plain_ids") ? row["plain_ids"].get<Ids>() : ids));
    CHECK(tokenizer->decode(ids, false) == decoded);
    CHECK(tokenizer->decode(ids) == skipped);
    CHECK(streamed_text(*tokenizer, ids, false) == decoded);
    CHECK(streamed_text(*tokenizer, ids, true) == skipped);
  }
  REQUIRE(golden["decodes"].size() == 25);
  for (const Json& row : golden["decodes"]) {
    const auto ids = row["ids"].get<Ids>();
    INFO("ids " << row["ids"].dump());
    CHECK(tokenizer->decode(ids, false) == row["decoded"].get<std::string>());
    CHECK(tokenizer->decode(ids) == row["decoded_skip_special"].get<std::string>());
    if (tokenizer->replacing() == Replacing::kEachSubpart) {
      CHECK(streamed_text(*tokenizer, ids, true) == row["decoded_skip_special"].get<std::string>());
    }
  }
}
