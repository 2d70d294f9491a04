#include "base/files.h"
#include "catch.h"
#include "config/config_files.h"
#include "config/fields.h"
#include "config/run_config.h"
#include "config/task_config.h"

#if __has_include(<valijson/validator.hpp>)
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#endif

using namespace expandft;
using namespace expandft::testing;

namespace {

fs::path repository() {
  return fs::path(EXPANDFT_DATA).parent_path();
}

std::vector<fs::path> run_configs() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(repository() / "configs")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  return files;
}

}  // namespace

TEST_CASE("docs/run.schema.json is what `expandft schema` prints", "[config]") {
  CHECK(read_file(repository() / "docs/run.schema.json") == run_config_schema().dump(2) + "\n");
}

TEST_CASE("docs/configuration.md has the references of keys", "[config]") {
  const std::string page = read_file(repository() / "docs/configuration.md");
  const auto part = [&](const std::string& name) {
    const std::string begin = "<!-- " + name + ": begin -->\n", end = "<!-- " + name + ": end -->";
    const std::size_t from = page.find(begin), to = page.find(end);
    REQUIRE(from != page.npos);
    REQUIRE(to != page.npos);
    return page.substr(from + begin.size(), to - from - begin.size());
  };
  CHECK(part("keys") == "\n" + run_config_reference() + "\n");
  CHECK(part("task keys") == "\n" + task_config_reference() + "\n");
}

TEST_CASE("the schema says type, default, meaning and range of every key", "[config]") {
  const Json schema = run_config_schema();
  CHECK(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema");
  CHECK(schema["additionalProperties"] == false);
  CHECK(schema["required"] == Json::array({"model", "output", "data"}));
  const Json& training = schema["properties"]["training"];
  CHECK(training["additionalProperties"] == false);
  CHECK_FALSE(training.contains("required"));
  CHECK(training["properties"]["learning_rate"]["default"] == 1e-4);
  CHECK(training["properties"]["learning_rate"]["exclusiveMinimum"] == 0);
  CHECK(training["properties"]["epochs"]["type"] == Json::array({"integer", "null"}));
  CHECK(training["properties"]["lr_scheduler"]["enum"] ==
        Json::array({"constant", "linear", "cosine"}));
  CHECK(training["allOf"].size() == 3);
  const Json& form = schema["properties"]["data"]["properties"]["template"];
  CHECK(form["type"] == Json::array({"object", "null"}));
  CHECK(form["required"] == Json::array({"prompt", "completion"}));
  for (const auto& [name, property] : training["properties"].items()) {
    INFO(name);
    CHECK(property.contains("description"));
  }
}

TEST_CASE("every shipped config is valid, and names its schema", "[config]") {
  REQUIRE(run_configs().size() >= 2);
  for (const fs::path& file : run_configs()) {
    INFO(file);
    const ResolvedConfig config = load_run_config(file);
    CHECK(config.run.method.kind == Method::kNew);
    CHECK(read_json(file)["$schema"] == "../docs/run.schema.json");
    for (const DataSource& source : config.run.data.train) CHECK(fs::exists(source.path));
  }
}

#if __has_include(<valijson/validator.hpp>)
namespace {

/// Whether an independent validator takes the value for valid.
bool is_valid(const nlohmann::json& value) {
  const auto json = nlohmann::json::parse(run_config_schema().dump());
  valijson::Schema schema;
  valijson::SchemaParser parser;
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(json), schema);
  valijson::Validator validator;
  return validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(value), nullptr);
}

/// Whether our own parser does.
bool is_accepted(const nlohmann::json& value) {
  const TempDirectory folder;
  write_text(folder / "run.json", value.dump());
  try {
    load_run_config(folder / "run.json");
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

TEST_CASE("schema and parser agree, by an independent validator", "[config]") {
  for (const fs::path& file : run_configs()) {
    INFO(file);
    CHECK(is_valid(nlohmann::json::parse(read_file(file))));
  }
  const std::vector<std::pair<const char*, const char*>> good = {
      {"/expansion/layers", "[0, \"last:2\"]"},
      {"/training/warmup", "100"},
      {"/training/warmup", "0.5"},
      {"/evaluation/max_drop", "\"1.5%\""},
      {"/evaluation/max_drop", "2"},
      {"/evaluation/max_drop", "null"},
      {"/data/template", "null"},
      {"/data/validation", "null"},
      {"/data/validation", "[{\"path\": \"v\", \"template\": null}]"},
      {"/data/train", "[\"a.txt\", {\"path\": \"b\", \"weight\": 0.5}]"},
      {"/data/train",
       "[{\"path\": \"b\", \"template\": {\"prompt\": \"\", \"completion\": \"{a}\"}}]"},
      {"/training/epochs", "3"},
      {"/strength", "0"},
      {"/training", "{\"batch_size\": 6, \"gradient_accumulation_steps\": 3}"},
      {"/training", "{\"gradient_accumulation_steps\": null}"},
      {"/training", "{\"micro_batch_size\": \"auto\"}"},
      {"/training", "{\"epochs\": null, \"max_steps\": 3}"}};
  const std::vector<std::pair<const char*, const char*>> bad = {
      {"/expansion/layers", "[]"},
      {"/expansion/copies", "1"},
      {"/training/warmup", "1.5"},
      {"/evaluation/max_drop", "\"1\""},
      {"/training/seed", "-1"},
      {"/training/learning_rate", "0"},
      {"/training/beta1", "1"},
      {"/training/sede", "1"},
      {"/training/micro_batch_size", "\"most\""},
      {"/training", "{\"epochs\": 1, \"max_steps\": 3}"},
      {"/training", "{\"batch_size\": 1, \"batch_tokens\": 3}"},
      {"/training", "{\"gradient_accumulation_steps\": 2}"},
      {"/training", "{\"batch_tokens\": 99, \"gradient_accumulation_steps\": 2}"},
      {"/training",
       "{\"batch_size\": 4, \"micro_batch_size\": 2, \"gradient_accumulation_steps\": 2}"},
      {"/data/template", "{\"prompt\": \"a\"}"},
      {"/data/train", "null"},
      {"/data/train", "[]"},
      {"/data/train", "[\"\"]"},
      {"/data/train", "[3]"},
      {"/data/train", "{\"path\": \"b\"}"},
      {"/data/train", "[{\"weight\": 1}]"},
      {"/data/train", "[{\"path\": \"b\", \"weight\": 0}]"},
      {"/data/train", "[{\"path\": \"b\", \"weight\": \"1\"}]"},
      {"/data/train", "[{\"path\": \"b\", \"wait\": 1}]"},
      {"/data/train", "[{\"path\": \"b\", \"template\": {\"prompt\": \"a\"}}]"},
      {"/data/validation", "[{\"path\": \"b\", \"weight\": 1}]"},
      {"/layout", "\"wide\""},
      {"/method", "\"all\""},
      {"/model", "\"\""},
      {"/evaluation/tasks", "[1]"},
      {"/expansion", "{}"}};
  const auto least = nlohmann::json::parse(least_config().dump());
  for (const auto& [pointer, value] : good) {
    INFO(pointer << " = " << value);
    auto json = least;
    json[nlohmann::json::json_pointer(pointer)] = nlohmann::json::parse(value);
    CHECK(is_valid(json));
    CHECK(is_accepted(json));
  }
  for (const auto& [pointer, value] : bad) {
    INFO(pointer << " = " << value);
    auto json = least;
    json[nlohmann::json::json_pointer(pointer)] = nlohmann::json::parse(value);
    CHECK_FALSE(is_valid(json));
    CHECK_FALSE(is_accepted(json));
  }
}
#endif
