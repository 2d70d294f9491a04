#include "data/shared_data.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "data/sources.h"
#include "tokenizer/stories_tokenizer.h"

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

std::string question_rows(int begin, int end) {
  std::string text;
  for (int i = begin; i < end; ++i) {
    text += R"({"prompt": "q)" + std::to_string(i) + R"(", "completion": "a"})" + "\n";
  }
  return text;
}

struct SharedFolder : TempDirectory {
  Dataset load(const std::vector<std::string>& names, const std::string& key) const {
    RunConfig run;
    run.data.max_length = 16;
    std::vector<DataSource> sources;
    for (const std::string& name : names) sources.push_back({path() / name, 1, std::nullopt});
    return load_sources(sources, key, run, stories_tokenizer(), [](const auto&, const auto&) {});
  }
  std::vector<std::string> shared(const std::vector<std::string>& training,
                                  const std::vector<std::string>& validation) const {
    return notice_texts(
        shared_examples(load(training, "data.train"), load(validation, "data.validation")));
  }
};

}  // namespace

TEST_CASE("validation data that is trained on is counted for each pair of sources", "[data]") {
  const SharedFolder folder;
  folder.write("a.jsonl",
               question_rows(0, 10) + question_rows(0, 10));  // a repeated example counts once
  folder.write("b.jsonl", question_rows(8, 20));
  folder.write("c.jsonl", question_rows(30, 40));
  folder.write("v.jsonl", question_rows(9, 12) + question_rows(50, 52));
  folder.write("w.jsonl", question_rows(39, 41));
  const auto notices = folder.shared({"a.jsonl", "b.jsonl", "c.jsonl"}, {"v.jsonl", "w.jsonl"});
  REQUIRE(notices.size() == 3);
  for (const auto& [index, parts] : std::vector<std::pair<std::size_t, std::vector<std::string>>>{
           {0,
            {"data.validation: ", "v.jsonl: 1 of its 5 sequences is in data.train too", "a.jsonl"}},
           {1, {"v.jsonl: 3 of its 5 sequences are in data.train too", "b.jsonl"}},
           {2, {"w.jsonl: 1 of its 2 sequences", "c.jsonl", "remove it from one of the two"}}}) {
    for (const std::string& part : parts) {
      INFO(notices[index] << "\nmissing: " << part);
      CHECK(notices[index].find(part) != std::string::npos);
    }
  }
  CHECK(folder.shared({"a.jsonl"}, {"w.jsonl"}).empty());
}

TEST_CASE("a file is recognised by each of its names", "[data]") {
  const SharedFolder folder;
  fs::create_directories(folder.path() / "ds/inner");
  folder.write("ds/train.jsonl", question_rows(0, 3));
  folder.write("ds/inner/valid.jsonl", question_rows(5, 7));
  fs::create_symlink(folder.path() / "ds/inner/valid.jsonl", folder.path() / "soft.jsonl");
  fs::create_hard_link(folder.path() / "ds/inner/valid.jsonl", folder.path() / "hard.jsonl");
  fs::copy_file(folder.path() / "ds/inner/valid.jsonl", folder.path() / "copy.jsonl");
  for (const std::string name : {"ds/inner/valid.jsonl", "soft.jsonl", "hard.jsonl"}) {
    INFO(name);
    const auto notices = folder.shared({"ds"}, {name});
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].find("all of its 2 sequences") != std::string::npos);
    CHECK(notices[0].find("its file ") != std::string::npos);
  }
  const auto copied = folder.shared({"ds"}, {"copy.jsonl"});
  REQUIRE(copied.size() == 1);
  CHECK(copied[0].find("all of its 2 sequences") != std::string::npos);
  CHECK(copied[0].find("its file") == std::string::npos);

  const auto tasks = shared_files({folder.path() / "soft.jsonl"}, "data.train",
                                  {{folder.path() / "hard.jsonl", "the task t"},
                                   {folder.path() / "copy.jsonl", "the task u"},
                                   {folder.path() / "missing", "the task v"}});
  REQUIRE(tasks.size() == 1);
  CHECK(notice_text(tasks[0]).find("the task t is measured on this file") != std::string::npos);
}
