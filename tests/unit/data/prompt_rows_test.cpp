#include "data/prompt_rows.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"

namespace expandft {
namespace {

using testing::TempDirectory;

/// The prompts of a file with these lines, and the fields that nothing reads.
struct Read {
  explicit Read(const std::string& lines) {
    const fs::path file = folder.path() / "prompts.jsonl";
    write_file_atomically(file, lines);
    rows = read_prompt_rows(file, unread);
  }

  TempDirectory folder;
  UnreadFields unread;
  std::vector<PromptRow> rows;
};

TEST_CASE("prompts are texts and conversations") {
  const Read read(R"({"prompt": "Once upon", "id": 3})"
                  "\n\n"
                  R"({"messages": [{"role": "user", "content": "Who?"}]})"
                  "\n");
  REQUIRE(read.rows.size() == 2);
  CHECK(read.rows[0].text == "Once upon");
  CHECK_FALSE(read.rows[0].conversation);
  REQUIRE(read.rows[1].conversation);
  CHECK(content_of(read.rows[1].conversation->messages.back()) == "Who?");
  CHECK(read.rows[1].where.ends_with("prompts.jsonl:3"));
  CHECK(read.unread.text() == "id (once)");
}

TEST_CASE("rows that are no prompts are refused with their line") {
  const auto refuses = [](const std::string& lines, const std::vector<std::string>& parts) {
    CAPTURE(lines);
    expect_input_error([&] { Read read(lines); }, parts);
  };
  refuses("", {"there are no prompts", "prompts.jsonl"});
  refuses(R"({"text": "a"})", {"no text \"prompt\"", "prompts.jsonl:1", "messages"});
  refuses(R"({"prompt": 3})", {"no text \"prompt\"", "prompts.jsonl:1"});
  refuses(R"({"prompt": "a", "messages": []})", {"a prompt and messages", "prompts.jsonl:1"});
  refuses(
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})",
      {"ends with the assistant's message", "prompts.jsonl:1"});
}

}  // namespace
}  // namespace expandft
