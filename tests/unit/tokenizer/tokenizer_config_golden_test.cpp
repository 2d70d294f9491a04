// Every field of a tokenizer_config.json, edited one at a time: ids equal to AutoTokenizer's
// (tests/golden/tokenizers/config-edits.json), or the field is refused or named.
#include "base/error.h"
#include "base/json.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <set>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

using Rows = std::vector<std::vector<TokenId>>;
const fs::path kTokenizers = fs::path(EXPANDFT_TEST_DATA) / "golden" / "tokenizers";

/// Fields of which every value of the right type is honoured.
const std::set<std::string> kHonoured{"split_special_tokens",
                                      "add_bos_token",
                                      "add_eos_token",
                                      "add_prefix_space",
                                      "legacy",
                                      "bos_token",
                                      "eos_token",
                                      "pad_token",
                                      "sep_token",
                                      "cls_token",
                                      "mask_token",
                                      "image_token"};

/// Writes the files of a golden except its tokenizer_config.json.
void write_base(const TempDirectory& directory, const std::string& name) {
  const Json golden = read_json(kTokenizers / (name + ".json"));
  for (const auto& [file, content] : golden["files"].items()) {
    directory.write(file, content.dump());
  }
  if (golden.contains("tokenizer")) {
    directory.write("tokenizer.json", golden["tokenizer"].dump());
    return;
  }
  const std::string model = golden["model"];
  const fs::path file = kTokenizers / (model + ".model");
  directory.write(
      "tokenizer.model",
      read_file(is_file(file) ? file : fs::path(EXPANDFT_DATA) / model / "tokenizer.model"));
}

Rows encode_all(const Tokenizer& tokenizer, const Json& texts) {
  Rows rows;
  for (const std::string text : texts) {
    rows.push_back(
        tokenizer.encode(text, {.bos = tokenizer.adds_bos(), .eos = tokenizer.adds_eos()}));
  }
  return rows;
}

bool names(const Notices& notices, const std::string& field) {
  return std::ranges::any_of(notice_texts(notices), [&](const std::string& text) {
    return text.find(field) != text.npos;
  });
}

}  // namespace

TEST_CASE("Each edited field of tokenizer_config.json is honoured, refused or named",
          "[tokenizer][golden]") {
  const Json golden = read_json(kTokenizers / "config-edits.json");
  REQUIRE(golden["bases"].size() == 9);
  for (const auto& [name, base] : golden["bases"].items()) {
    INFO("base " << name);
    const TempDirectory directory;
    write_base(directory, name);
    directory.write("tokenizer_config.json", base["config"].dump());
    const auto whole = Tokenizer::load(directory.path());
    CHECK(whole->notices().empty());
    CHECK(encode_all(*whole, golden["texts"]) == base["ids"].get<Rows>());
    REQUIRE(base["edits"].size() > 150);
    for (const Json& edit : base["edits"]) {
      const std::string field = edit[0];
      // tokenizer.model without a class: a deliberate difference (sentencepiece_tokenizer.h).
      if (field == "tokenizer_class" && edit[1].is_null() && !name.starts_with("json/")) continue;
      CAPTURE(field, edit[1].dump());
      Json config = base["config"];
      config[field] = edit[1];
      directory.write("tokenizer_config.json", config.dump());
      const Json& expected = edit.size() == 3 ? edit[2] : base["ids"];
      try {
        const auto tokenizer = Tokenizer::load(directory.path());
        const bool is_named = names(tokenizer->notices(), field);
        if (expected.is_string() || is_named) continue;  // transformers fails, or there is a notice
        CHECK(encode_all(*tokenizer, golden["texts"]) == expected.get<Rows>());
        const bool asks = !edit[1].is_null() && edit[1] != Json(false);
        CHECK((field.find("tomorrow") == field.npos || !asks));
      } catch (const Error& error) {
        CHECK(error.code() == ExitCode::kBadInput);
        CHECK(std::string(error.what()).find(field) != std::string::npos);
        if (kHonoured.contains(field)) CHECK(edit[1] == Json("true"));
      }
    }
  }
}

TEST_CASE("A tokenizer's class follows from the type of the model and tokenizer_class",
          "[tokenizer][golden]") {
  const Json golden = read_json(kTokenizers / "classes.json");
  for (const auto& [name, base] : golden["bases"].items()) {
    const TempDirectory directory;
    write_base(directory, name);
    for (const auto& [model_type, numbers] : base["model_types"].items()) {
      const bool has_type = !model_type.empty();
      directory.write("config.json",
                      (has_type ? Json{{"model_type", model_type}} : Json::object()).dump());
      for (std::size_t i = 0; i < golden["classes"].size(); ++i) {
        CAPTURE(name, model_type, golden["classes"][i].dump());
        Json config = base["config"];
        config.erase("tokenizer_class");
        if (golden["classes"][i].is_string()) config["tokenizer_class"] = golden["classes"][i];
        directory.write("tokenizer_config.json", config.dump());
        const Json& expected = base["ids"][numbers[i].get<std::size_t>()];
        if (expected.is_string()) continue;  // transformers fails
        const auto tokenizer = Tokenizer::load(directory.path());
        CHECK(tokenizer->notices().empty());
        CHECK(encode_all(*tokenizer, golden["texts"]) == expected.get<Rows>());
      }
    }
  }
}

TEST_CASE("A text for a flag of tokenizer_config.json is refused", "[tokenizer]") {
  const TempDirectory directory;
  write_base(directory, "json/llama3");
  for (const char* const field : {"split_special_tokens", "add_prefix_space", "legacy"}) {
    directory.write("tokenizer_config.json", Json({{field, "true"}}).dump());
    try {
      Tokenizer::load(directory.path());
      FAIL("accepted " << field);
    } catch (const Error& error) {
      CHECK(error.where().find(std::string("tokenizer_config.json: ") + field) !=
            std::string::npos);
      CHECK(error.message().find("true or false") != std::string::npos);
    }
  }
}
