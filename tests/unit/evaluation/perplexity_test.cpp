#include "evaluation/perplexity.h"

#include "base/error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "evaluation/score.h"
#include "evaluation/stories.h"

using namespace expandft;
using expandft::testing::error_of;
using expandft::testing::has;
using expandft::testing::TempDirectory;

namespace {

const char* const kText =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball. She wanted to play with it, but it was too high.\n";

TaskConfig task_of(const fs::path& data, std::int64_t block_length) {
  return {.name = "text", .type = "perplexity", .data = data, .block_length = block_length};
}

}  // namespace

TEST_CASE("a block's sum is that of its tokens scored alone, however blocks are batched") {
  const Stories model;
  const TempDirectory folder;
  const fs::path file = folder.path() / "text.txt";
  write_file_atomically(file, kText);
  const std::vector<TokenId> ids = model.tokenizer->encode(kText, {.bos = true});
  REQUIRE(ids.size() > 40);

  const TaskConfig task = task_of(file, 16);
  const TaskResult together = evaluate(model.decoder, *model.tokenizer, task);
  const TaskResult alone = evaluate(model.decoder, *model.tokenizer, task, {}, 1);
  const TaskResult uneven = evaluate(model.decoder, *model.tokenizer, task, {}, 40);
  REQUIRE(together.blocks.size() == (ids.size() - 1 + 15) / 16);
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < together.blocks.size(); ++i) {
    CAPTURE(i);
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(16 * i);
    const std::vector<TokenId> block(begin, std::min(begin + 16, ids.end()));
    double sum = 0;
    for (const double log_prob : score_tokens(model.decoder, block, "")) sum += log_prob;
    for (const TaskResult* result : {&together, &alone, &uneven}) {
      CHECK(result->blocks[i].tokens == std::ssize(block) - 1);
      CHECK(result->blocks[i].log_prob == Approx(sum).epsilon(1e-5));
    }
    tokens += together.blocks[i].tokens;
  }
  CHECK(together.tokens == tokens);
}

TEST_CASE("progress counts blocks up to all of them") {
  const Stories model;
  const TempDirectory folder;
  const fs::path file = folder.path() / "text.txt";
  write_file_atomically(file, kText);
  std::vector<std::int64_t> seen;
  const TaskResult result = evaluate(
      model.decoder, *model.tokenizer, task_of(file, 16),
      [&](std::int64_t done, std::int64_t total) {
        seen.push_back(done);
        CHECK(total >= done);
      },
      32);
  CHECK(std::ranges::is_sorted(seen));
  CHECK(seen.back() == std::ssize(result.blocks));
}

TEST_CASE("the bytes of one block are those of the text") {
  const Stories model;
  const TempDirectory folder;
  for (const std::string text : {"Once upon a time", "  two spaces", "na\u00EFve \u2603", "\n\n"}) {
    CAPTURE(text);
    const fs::path file = folder.path() / "text.txt";
    write_file_atomically(file, text);
    const TaskResult result = evaluate(model.decoder, *model.tokenizer, task_of(file, 256));
    CHECK(result.bos);
    CHECK(result.bytes == std::ssize(text));
  }
}

TEST_CASE("max_tokens cuts the text, and a last block of one token is dropped") {
  const Stories model;
  const TempDirectory folder;
  const fs::path file = folder.path() / "text.txt";
  write_file_atomically(file, kText);
  TaskConfig task = task_of(file, 16);
  task.max_tokens = 20;
  const TaskResult cut = evaluate(model.decoder, *model.tokenizer, task);
  REQUIRE(cut.blocks.size() == 2);
  CHECK(cut.tokens == 15 + 3);
  task.max_tokens = 17;
  const TaskResult dropped = evaluate(model.decoder, *model.tokenizer, task);
  REQUIRE(dropped.blocks.size() == 1);
  CHECK(dropped.tokens == 15);
}

TEST_CASE("texts and blocks that cannot be scored are input errors") {
  const Stories model;
  const TempDirectory folder;
  const fs::path file = folder.path() / "text.txt";
  const auto run = [&](const std::string& text, std::int64_t block_length) {
    write_file_atomically(file, text);
    return evaluate(model.decoder, *model.tokenizer, task_of(file, block_length));
  };
  const auto message = [](auto call) {
    const Error error = error_of(call);
    CHECK(error.code() == ExitCode::kBadInput);
    return error.message();
  };
  CHECK(has(message([&] { run("", 16); }), "text of 1 tokens"));
  CHECK(has(message([&] { run(kText, 513); }), "blocks of 513 tokens; expected 2 to 512"));
  CHECK(has(message([&] { run(kText, 1); }), "blocks of 1 tokens"));
  TaskConfig choice = task_of(file, 16);
  choice.type = "choice";
  CHECK(has(message([&] { evaluate(model.decoder, *model.tokenizer, choice); }),
            "of type \"choice\""));
  CHECK(has(message([&] { score_tokens(model.decoder, {}, "text"); }), "no tokens"));
  CHECK(has(message([&] { score_tokens(model.decoder, std::vector<TokenId>(513, 5), "text"); }),
            "513 tokens; the model reads at most 512"));
  CHECK(score_tokens(model.decoder, {1}, "text").empty());
}

TEST_CASE("tasks that cannot be evaluated are refused before any work") {
  const Stories model;
  const TempDirectory folder;
  const fs::path good = folder / "good.txt", empty = folder / "empty.txt";
  write_file_atomically(good, kText);
  write_file_atomically(empty, "");
  const auto refuse = [&](const TaskConfig& bad) {
    return error_of([&] {
      check_tasks({task_of(good, 16), bad}, *model.tokenizer, model.decoder.spec());
    });
  };
  CHECK_NOTHROW(check_tasks({task_of(good, 512)}, *model.tokenizer, model.decoder.spec()));
  CHECK_THAT(refuse(task_of(good, 513)).message(), has_text("513") && has_text("512"));
  CHECK_THAT(refuse(task_of(good, 1)).message(), has_text("blocks of 1 "));
  CHECK_THAT(refuse(task_of(empty, 16)).message(), has_text("nothing can be predicted"));
  CHECK_THAT(refuse(task_of(folder / "none.txt", 16)).what(), has_text("none.txt"));
  TaskConfig task = task_of(good, 16);
  task.max_tokens = 1;
  CHECK(refuse(task).code() == ExitCode::kBadInput);
  task.type = "arithmetic";
  CHECK_THAT(refuse(task).message(), has_text("arithmetic"));
}
