#include "catch.h"
#include "config/config_files.h"
#include "config/run_config.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

ResolvedConfig load(const TempDirectory& folder, const std::string& key, const std::string& value,
                    const std::vector<std::string>& overrides = {}) {
  Json json = least_config();
  json["data"][key] = Json::parse(value);
  write_text(folder / "run.json", json.dump());
  return load_run_config(folder / "run.json", overrides);
}

}  // namespace

TEST_CASE("data.train may be a list of sources", "[config]") {
  const TempDirectory folder;
  const ResolvedConfig config = load(folder, "train", R"(["a.txt", {"path": "more/*.jsonl"},
      {"path": "b", "weight": 2, "template": {"prompt": "{q}", "completion": "{a}"}}])");
  const std::vector<DataSource>& train = config.run.data.train;
  REQUIRE(train.size() == 3);
  CHECK(train[0].path == folder / "a.txt");
  CHECK(train[1].path == folder / "more/*.jsonl");
  CHECK(train[1].is_plain());
  CHECK(train[2].path == folder / "b");
  CHECK(train[2].weight == 2.0);
  REQUIRE(train[2].text_template);
  CHECK(train[2].text_template->prompt == "{q}");
  CHECK(train[2].text_template->completion == "{a}");
  CHECK(source_key("data.train", train, 2) == "data.train[2]");

  // The resolved config says all of it, and reads back as the same.
  const Json& resolved = config.resolved["data"]["train"];
  CHECK(resolved[0] ==
        Json{{"path", (folder / "a.txt").string()}, {"weight", 1.0}, {"template", nullptr}});
  CHECK(resolved[2]["template"] == Json{{"prompt", "{q}"}, {"completion", "{a}"}});
  CHECK(load(folder, "train", resolved.dump()).resolved == config.resolved);
  CHECK(has(describe_values(config), "data.train"));
}

TEST_CASE("one source without more is the same as its path", "[config]") {
  const TempDirectory folder;
  const ResolvedConfig list = load(folder, "train", R"([{"path": "a.txt", "weight": 1}])");
  CHECK(list.resolved == load(folder, "train", R"("a.txt")").resolved);
  CHECK(source_key("data.train", list.run.data.train, 0) == "data.train");
}

TEST_CASE("--set replaces all sources", "[config]") {
  const TempDirectory folder;
  const std::string list = R"(["a.txt", "b.txt"])";
  ResolvedConfig config = load(folder, "train", list, {"data.train=/x/*.txt"});
  REQUIRE(config.run.data.train.size() == 1);
  CHECK(config.run.data.train[0].path == "/x/*.txt");
  config = load(folder, "train", list, {R"(data.train=["/x", {"path": "/y", "weight": 0.5}])"});
  REQUIRE(config.run.data.train.size() == 2);
  CHECK(config.run.data.train[1].weight == 0.5);
  config = load(folder, "validation", list, {"data.validation=null"});
  CHECK(config.run.data.validation.empty());
}

TEST_CASE("errors of sources name their place, all at once", "[config]") {
  const TempDirectory folder;
  const auto message = [&](const std::string& key, const std::string& value) {
    return error_of([&] { load(folder, key, value); }).message();
  };
  const std::string all = message("train", R"(["", 3, {"weight": 1}, {"path": "a", "weight": 0},
      {"path": "a", "weight": "2"}, {"path": 1}, {"path": "a", "wieght": 2},
      {"path": "a", "template": "x"}, {"path": "a", "template": {"prompt": 1, "anser": ""}},
      "a\u0000b", {"path": "a", "weight": 1001}])");
  for (const char* const part :
       {"13 problems", "- data.train[0]: found \"\"; allowed: a path\n",
        "- data.train[1]: found 3; allowed: a path or {\"path\", \"weight\", \"template\"}\n",
        "- data.train[2].path: missing, but required; allowed: a path\n",
        "- data.train[3].weight: found 0; allowed: a number above 0, at most 1000\n",
        "- data.train[4].weight: found \"2\"; allowed:",
        "- data.train[5].path: found 1; allowed: a path\n",
        "- data.train[6].wieght: unknown key; did you mean \"data.train[6].weight\"?\n",
        "- data.train[7].template: found \"x\"; allowed: {\"prompt\", \"completion\"} or null\n",
        "- data.train[8].template.prompt: found 1; allowed: a string\n",
        "- data.train[8].template.completion: missing, but required",
        "- data.train[9]: found \"a\\u0000b\": a path cannot hold a NUL",
        "- data.train[10].weight: found 1001; allowed:"}) {
    INFO(all);
    INFO(part);
    CHECK(has(all, part));
  }
  CHECK(has(all, "- data.train[8].template.anser: unknown key"));
  const char* const allowed =
      "allowed: a path, or a list of paths and of {\"path\", \"weight\", \"template\"}";
  for (const char* const value : {"null", "[]", "{\"path\": \"a\"}", "7"}) {
    INFO(value);
    CHECK(has(message("train", value), std::string("data.train: found ")));
    CHECK(has(message("train", value), allowed));
  }
  CHECK(has(message("validation", R"(["b", {"path": "a", "weight": 1}])"),
            "data.validation[1].weight: found 1; only data.train has weights"));
}
