// Ids and texts are those of transformers 5.24 (tests/golden/tokenizers).
#include "base/json.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "streamed_text.h"
#include "tokenizer/tokenizer.h"

#include <algorithm>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

const fs::path kTokenizerGoldens = fs::path(EXPANDFT_TEST_DATA) / "golden" / "tokenizers";

std::unique_ptr<const Tokenizer> load_golden_tokenizer(const Json& golden) {
  const auto model = golden["model"].get<std::string>();
  const fs::path file = model == "stories260K"
                            ? fs::path(EXPANDFT_DATA) / "stories260K" / "tokenizer.model"
                            : kTokenizerGoldens / (model + ".model");
  const TempDirectory directory;
  fs::copy_file(file, directory.path() / "tokenizer.model");
  for (const auto& item : golden["files"].items()) directory.write(item.key(), item.value().dump());
  return Tokenizer::load(directory.path());
}

}  // namespace

TEST_CASE("tokenizer ids and texts equal the transformers package's", "[tokenizer][golden]") {
  const auto name = GENERATE(as<std::string>{}, "stories260K", "mistral-v1", "mistral-v1-legacy",
                             "mistral-v1-no-prefix", "mistral-v1-added", "mistral-v1-added-files",
                             "mistral-v3", "mistral-v3-legacy", "gemma", "gemma-added");
  INFO("golden " << name);
  const Json texts = read_json(kTokenizerGoldens / "texts.json");
  const Json golden = read_json(kTokenizerGoldens / (name + ".json"));
  const auto tokenizer = load_golden_tokenizer(golden);

  CHECK(tokenizer->bos() == golden["bos"].get<TokenId>());
  CHECK(tokenizer->eos() == golden["eos"].get<TokenId>());
  CHECK(tokenizer->adds_bos());
  // GemmaTokenizer adds a <mask> that the vocabulary lacks; expandft does not.
  CHECK(tokenizer->size() == golden["size"].get<std::int64_t>() - (name == "gemma" ? 1 : 0));

  REQUIRE(golden["texts"].size() == texts.size());
  REQUIRE(texts.size() > 100);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto text = texts[i].get<std::string>();
    const Json& row = golden["texts"][i];
    const auto ids = row["ids"].get<std::vector<TokenId>>();
    INFO("text " << i << ": " << text);
    CHECK(tokenizer->encode(text) == ids);
    EncodeOptions plain;
    plain.special_tokens = false;
    CHECK(tokenizer->encode(text, plain) == row["plain_ids"].get<std::vector<TokenId>>());
    CHECK(tokenizer->decode(ids, false) == row["decoded"].get<std::string>());
    CHECK(tokenizer->decode(ids) == row["decoded_skip_special"].get<std::string>());
    CHECK(streamed_text(*tokenizer, ids, true) == row["decoded_skip_special"].get<std::string>());
    CHECK(streamed_text(*tokenizer, ids, false) == row["decoded"].get<std::string>());
  }
  REQUIRE(golden["decodes"].size() == 40);
  for (const Json& row : golden["decodes"]) {
    const auto ids = row["ids"].get<std::vector<TokenId>>();
    INFO("ids " << row["ids"].dump());
    CHECK(tokenizer->decode(ids, false) == row["decoded"].get<std::string>());
    CHECK(tokenizer->decode(ids) == row["decoded_skip_special"].get<std::string>());
  }
}
