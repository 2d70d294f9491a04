#include "base/error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "data/gzip.h"
#include "tasks/prepared_task.h"
#include "tokenizer/stories_tokenizer.h"

using namespace expandft;
using expandft::testing::error_of;
using expandft::testing::TempDirectory;

namespace {

const char* const kText =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.";

TaskConfig task_of(const fs::path& data, std::int64_t block_length) {
  return {.name = "text", .data = data, .block_length = block_length};
}

PreparedTask prepared(const TaskConfig& task) {
  return prepare_task(task, stories_tokenizer(), 512);
}

/// Tokens of a block, predicted or not.
std::size_t length_of(const PreparedTask& task, std::size_t block) {
  return 1 + task.items[block].requests.at(0).continuation.size();
}

}  // namespace

TEST_CASE("the bytes of one block are those of the text") {
  const TempDirectory folder;
  for (const std::string text : {"Once upon a time", "  two spaces", "na\u00EFve \u2603", "\n\n"}) {
    CAPTURE(text);
    const fs::path file = folder.path() / "text.txt";
    write_file_atomically(file, text);
    const PreparedTask found = prepared(task_of(file, 256));
    CHECK(found.bos);
    REQUIRE(found.items.size() == 1);
    CHECK(found.blank[0].bytes == std::ssize(text));
  }
}

TEST_CASE("a compressed text equals the text, and invalid UTF-8 is an input error") {
  const TempDirectory folder;
  const fs::path plain = folder / "text.txt", packed = folder / "text.txt.gz";
  write_file_atomically(plain, kText);
  write_file_atomically(packed, gzip(kText));
  CHECK(prepared(task_of(plain, 16)).items.size() > 1);
  CHECK(prepared(task_of(plain, 16)).fingerprint() == prepared(task_of(packed, 16)).fingerprint());
  write_file_atomically(plain, "Once \xff upon");
  CHECK(error_of([&] { prepared(task_of(plain, 16)); }).code() == ExitCode::kBadInput);
}

TEST_CASE("max_tokens cuts the text, and a last block of one token is dropped") {
  const TempDirectory folder;
  const fs::path file = folder.path() / "text.txt";
  write_file_atomically(file, kText);
  TaskConfig task = task_of(file, 16);
  task.max_tokens = 20;
  const PreparedTask cut = prepared(task);
  REQUIRE(cut.items.size() == 2);
  CHECK(length_of(cut, 0) == 16);
  CHECK(length_of(cut, 1) == 4);
  task.max_tokens = 17;
  CHECK(prepared(task).items.size() == 1);
  task.max_examples = 1;
  task.max_tokens = 0;
  CHECK(prepared(task).items.size() == 1);
}

TEST_CASE("texts and blocks that cannot be scored are input errors") {
  const TempDirectory folder;
  const fs::path good = folder / "good.txt", empty = folder / "empty.txt";
  write_file_atomically(good, kText);
  write_file_atomically(empty, "");
  const auto refuse = [&](const TaskConfig& bad) {
    const Error error = error_of([&] { prepared(bad); });
    CHECK(error.code() == ExitCode::kBadInput);
    return error;
  };
  CHECK_NOTHROW(prepared(task_of(good, 512)));
  CHECK_THAT(refuse(task_of(good, 513)).message(),
             has_text("blocks of 513 tokens; expected 2 to 512"));
  CHECK_THAT(refuse(task_of(good, 1)).message(), has_text("blocks of 1 "));
  CHECK_THAT(refuse(task_of(empty, 16)).message(),
             has_text("has only 1 token, so nothing can be predicted"));
  CHECK_THAT(refuse(task_of(folder / "none.txt", 16)).what(), has_text("none.txt"));
  TaskConfig task = task_of(good, 16);
  task.max_tokens = 1;
  CHECK_THAT(refuse(task).message(), has_text("nothing can be predicted"));
}
