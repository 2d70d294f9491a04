#include "data/data_files.h"

#include "catch.h"
#include "config/config_files.h"

using namespace expandft;
using expandft::testing::TempDirectory;
using namespace expandft::testing;

namespace {

/// Names of the files found, below the folder.
std::vector<std::string> found(const TempDirectory& folder, const std::string& path) {
  std::vector<std::string> names;
  for (const fs::path& file : find_data_files(folder / path)) {
    names.push_back(file.lexically_relative(folder.path()).string());
  }
  return names;
}

std::string message(const TempDirectory& folder, const std::string& path) {
  return error_of([&] { find_data_files(folder / path); }).message();
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("file name endings decide the form of data, also before .gz", "[data]") {
  for (const char* const name : {"a.jsonl", "a.json", "b.x/a.jsonl.gz"}) {
    CHECK(data_form(name) == DataForm::kJsonLines);
  }
  for (const char* const name : {"a.txt", "a.text.gz", "a.md"}) {
    CHECK(data_form(name) == DataForm::kPlainText);
  }
  for (const char* const name : {"a", "a.gz", "a.csv", "txt", ".txt"}) CHECK_FALSE(data_form(name));
}

TEST_CASE("a folder stands for its data files, including those in subfolders", "[data]") {
  const TempDirectory folder;
  for (const char* const name : {"d/b.jsonl", "d/a.txt.gz", "d/deep/er/c.md", "d/.hidden.txt",
                                 "d/.git/x.txt", "d/table.csv", "d/LICENSE", "none/table.csv"}) {
    write_text(folder / name, "a");
  }
  fs::create_symlink(folder / "d/b.jsonl", folder / "d/link.jsonl");
  fs::create_directory_symlink(folder / "d", folder / "d/loop");
  const Names all = {"d/a.txt.gz", "d/b.jsonl", "d/deep/er/c.md", "d/link.jsonl"};
  CHECK(found(folder, "d") == all);
  CHECK(message(folder, "none")
            .starts_with("no data in the folder " + (folder / "none").string() +
                         ": expected .jsonl"));
}

TEST_CASE("a glob stands for the files that it matches, sorted", "[data]") {
  const TempDirectory folder;
  for (const char* const name : {"b2.txt", "b10.txt", "a1.txt", ".c.txt", "x/1.jsonl", "y/1.jsonl",
                                 "y/z/1.jsonl", "odd.csv"}) {
    write_text(folder / name, "a");
  }
  CHECK(found(folder, "*.txt") == Names{"a1.txt", "b10.txt", "b2.txt"});
  CHECK(found(folder, "b?.txt") == Names{"b2.txt"});
  CHECK(found(folder, "[!b]*.txt") == Names{"a1.txt"});
  CHECK(found(folder, ".*.txt") == Names{".c.txt"});
  CHECK(found(folder, "*/1.jsonl") == Names{"x/1.jsonl", "y/1.jsonl"});
  CHECK(found(folder, "[xy]/*") == Names{"x/1.jsonl", "y/1.jsonl"});  // files, not y/z
  CHECK(found(folder, "o*") == Names{"odd.csv"});  // named by the user: load_dataset refuses it
  CHECK(message(folder, "*.md") == "no file matches " + (folder / "*.md").string());
  CHECK(message(folder, "*/none/*.txt").starts_with("no file matches "));
}

TEST_CASE("a name that exists as written is not a pattern", "[data]") {
  const TempDirectory folder;
  for (const char* const name :
       {"[1].txt", "1.txt", "run[2]/1.txt", "run[2]/2.txt", "run2/3.txt"}) {
    write_text(folder / name, "a");
  }
  CHECK(found(folder, "[1].txt") == Names{"[1].txt"});
  CHECK(found(folder, "run[2]/*.txt") == Names{"run[2]/1.txt", "run[2]/2.txt"});
  CHECK(found(folder, "run[2-3]/*.txt") == Names{"run2/3.txt"});
}

TEST_CASE("a file is itself, and a missing one is named", "[data]") {
  const TempDirectory folder;
  write_text(folder / "data.csv", "a");
  CHECK(found(folder, "data.csv") == Names{"data.csv"});
  CHECK(message(folder, "none.txt") == "no such file: " + (folder / "none.txt").string());
}
