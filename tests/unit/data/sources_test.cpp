#include "data/sources.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "tokenizer/stories_tokenizer.h"

#include <map>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

const char* const kRows = R"({"q": "one", "a": "two"}
{"q": "three", "a": "four"}
)";

struct Sources : TempDirectory {
  RunConfig run;
  std::map<std::string, SourceReport> reports;  // by the source's file name
  std::vector<std::string> order;

  Sources() {
    run.data.max_length = 16;
    write("rows.jsonl", kRows);
    write("b.txt", "Once upon a time there was a little girl.");
    write("a.txt", "Lily saw a cat.");
  }
  DataSource source(const std::string& name, double weight = 1,
                    std::optional<TemplateConfig> form = std::nullopt) const {
    return {path() / name, weight, std::move(form)};
  }
  Dataset load(const std::vector<DataSource>& sources) {
    return load_sources(sources, "data.train", run, stories_tokenizer(),
                        [&](const DataSource& one, const SourceReport& report) {
                          order.push_back(one.path.filename().string());
                          reports[order.back()] = report;
                        });
  }
  Dataset load_one(const std::string& name) const {
    return load_dataset({.path = path() / name, .max_length = 16}, stories_tokenizer());
  }
};

const TemplateConfig kForm{"{q}", " {a}"};

}  // namespace

TEST_CASE("sources follow each other, files in the order of their names", "[sources]") {
  Sources data;
  data.run.data.text_template = kForm;
  const Dataset all = data.load({data.source("*.txt"), data.source("rows.jsonl")});
  const Dataset a = data.load_one("a.txt"), b = data.load_one("b.txt");
  REQUIRE(all.examples.size() == a.examples.size() + b.examples.size() + 2);
  CHECK(all.examples[0].tokens == a.examples[0].tokens);
  CHECK(all.examples[a.examples.size()].tokens == b.examples[0].tokens);
  CHECK(all.parts.empty());
  CHECK(data.order == std::vector<std::string>{"*.txt", "rows.jsonl"});
  CHECK(data.reports["*.txt"].file_paths.size() == 2);
  CHECK(data.reports["*.txt"].rows.tokens == a.report.tokens + b.report.tokens);
  CHECK(data.reports["rows.jsonl"].rows.rows == 2);
  CHECK(all.report.tokens ==
        data.reports["*.txt"].rows.tokens + data.reports["rows.jsonl"].rows.tokens);
  CHECK(all.report.examples == static_cast<std::int64_t>(all.examples.size()));
  CHECK(fingerprint(all) == fingerprint(data.load({data.source("a.txt"), data.source("b.txt"),
                                                   data.source("rows.jsonl")})));
}

TEST_CASE("weights make parts of the data set", "[sources]") {
  Sources data;
  data.run.data.text_template = kForm;
  const Dataset all = data.load({data.source("rows.jsonl", 2.5), data.source("b.txt")});
  REQUIRE(all.parts.size() == 2);
  CHECK(all.parts[0].examples == 2);
  CHECK(all.parts[0].weight == 2.5);
  CHECK(all.parts[0].examples + all.parts[1].examples == all.examples.size());
  CHECK(data.reports["rows.jsonl"].drawn == 5);
  CHECK(data.reports["b.txt"].drawn == data.reports["b.txt"].rows.examples);
  expect_input_error(
      [&] {
        data.load({data.source("b.txt"), data.source("rows.jsonl", 0.2)});
      },
      {"data.train[1].weight", "a weight of 0.2 draws none of the source's 2 examples"});
}

TEST_CASE("a source's own template takes precedence over the common one", "[sources]") {
  Sources data;
  data.run.data.text_template = TemplateConfig{"{q}", " {q}"};
  const Dataset common = data.load({data.source("rows.jsonl")});
  const Dataset own = data.load({data.source("rows.jsonl", 1, kForm)});
  CHECK(common.examples[0].tokens != own.examples[0].tokens);
  data.run.data.text_template = kForm;
  CHECK(fingerprint(data.load({data.source("rows.jsonl")})) == fingerprint(own));

  expect_input_error(
      [&] {
        data.load({data.source("b.txt"), data.source("rows.jsonl", 1, TemplateConfig{"{", "a"})});
      },
      {"data.train[1].template.prompt"});
  expect_input_error(
      [&] {
        data.load({data.source("rows.jsonl"), data.source("b.txt", 1, kForm)});
      },
      {"a template needs rows", "b.txt", "remove data.train[1].template"});
}

TEST_CASE("the common template is for rows, and needs at least one", "[sources]") {
  Sources data;
  data.run.data.text_template = kForm;
  CHECK(data.load({data.source("b.txt"), data.source("rows.jsonl")}).report.rows > 0);
  expect_input_error(
      [&] {
        data.load({data.source("b.txt"), data.source("a.txt")});
      },
      {"a template needs rows", "remove data.template"});
}

TEST_CASE("a source without files is refused before any is read", "[sources]") {
  Sources data;
  expect_input_error(
      [&] {
        data.load({data.source("b.txt"), data.source("none*")});
      },
      {"data.train[1]", "no file matches"});
  CHECK(data.order.empty());
  expect_input_error([&] { data.load({data.source("none.txt")}); }, {"data.train", "no such file"});
  data.write("table.csv", "a");
  expect_input_error([&] { data.load({data.source("t*")}); }, {"table.csv", "\".csv\"", ".jsonl"});
}
