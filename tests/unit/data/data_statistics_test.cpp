#include "base/temp_directory.h"
#include "catch.h"
#include "data/packing.h"
#include "data/random.h"
#include "data/sources.h"
#include "report/data_report.h"
#include "tokenizer/stories_tokenizer.h"

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

/// Rows of many lengths, with long prompts; conversations with many turns; and plain text.
struct MixedSources : TempDirectory {
  RunConfig run;
  std::int64_t rows = 0;

  MixedSources() {
    Random random(9);
    const auto words = [&](std::uint64_t most) {
      std::string text;
      for (std::uint64_t i = random.below(most); i > 0; --i) text += " once";
      return text;
    };
    std::string prompts, chats;
    for (int i = 0; i < 300; ++i, rows += 2) {
      prompts +=
          R"({"prompt": "Tell)" + words(60) + R"(", "completion": " So)" + words(20) + "\"}\n";
      chats += R"({"messages": [)";
      for (std::uint64_t turn = random.below(6); turn > 0; --turn) {
        chats += R"({"role": "user", "content": "And)" + words(9) +
                 R"("}, {"role": "assistant", "content": "Yes)" + words(9) + "\"}, ";
      }
      chats += R"({"role": "user", "content": "Now"}, {"role": "assistant", "content": "No"}]})";
      chats += "\n";
    }
    write("prompts.jsonl", prompts);
    write("chats.jsonl", chats);
    write("text.txt", "Once upon a time there was a little girl." + words(2000));
    write("more.txt", "Lily saw a cat.");
    run.model = path();
    run.data.chat_template = "llama2";
  }
  Dataset load(std::int64_t max_length, double weight = 1) {
    run.data.max_length = max_length;
    return load_sources({{path() / "prompts.jsonl", weight, {}},
                         {path() / "chats.jsonl", 1, {}},
                         {path() / "*.txt", 1, {}}},
                        "data.train", run, stories_tokenizer(), [](auto&, auto&) {});
  }
};

}  // namespace

TEST_CASE("sources add up to the whole, and what is kept and cut to what there was",
          "[data_statistics]") {
  MixedSources sources;
  const Dataset whole = sources.load(4000);  // nothing is cut
  CHECK(whole.report.truncated_rows == 0);
  CHECK(whole.report.truncated_tokens == 0);
  for (const std::int64_t max_length : {60, 100, 300}) {
    const Dataset dataset = sources.load(max_length);
    DatasetReport sum;
    std::size_t examples = 0;
    std::int64_t tokens = 0, targets = 0;
    for (const SourceReport& source : dataset.sources) {
      sum += source.rows;
      CHECK(source.drawn == source.rows.examples);
      std::int64_t of_source = 0;
      for (std::int64_t i = 0; i < source.rows.examples; ++i, ++examples) {
        of_source += dataset.examples.length(examples);
        targets += dataset.examples.targets(examples);
      }
      CHECK(of_source == source.rows.tokens);
      tokens += of_source;
    }
    CHECK(sum == dataset.report);
    CHECK(examples == dataset.examples.size());
    CHECK(tokens == dataset.report.tokens);
    CHECK(targets == dataset.report.targets);
    CHECK(dataset.report.rows == sources.rows + 2);  // each text file is one row
    CHECK(dataset.report.tokens + dataset.report.truncated_tokens == whole.report.tokens);
    for (std::size_t i = 0; i < 3; ++i) {
      const DatasetReport &cut = dataset.sources[i].rows, &all = whole.sources[i].rows;
      CHECK(cut.tokens + cut.truncated_tokens == all.tokens);
      CHECK((cut.truncated_tokens >= cut.truncated_rows));
    }
    CHECK((dataset.sources[0].rows.truncated_rows > 0) == (max_length < 300));
    CHECK(dataset.sources[2].rows.truncated_rows == 0);  // a text is cut into blocks and kept whole
  }
}

TEST_CASE("an epoch's statistics are those of its packs", "[data_statistics]") {
  MixedSources sources;
  const double weight = GENERATE(1.0, 0.4, 2.5);
  const bool packing = GENERATE(true, false);
  const Dataset dataset = sources.load(100, weight);
  sources.run.data.packing = packing;
  const EpochStatistics epoch = first_epoch({dataset, sources.run.data, 7});
  std::int64_t packs = 0;
  TokenBatch dealt;
  for (const Pack& pack : epoch_order(dataset, 100, packing, true, 7, 0)) {
    ++packs;
    for (const std::uint32_t example : pack) dealt.append(dataset.examples[example]);
  }
  CHECK(epoch.examples == dealt.sequences());
  CHECK(epoch.tokens == dealt.tokens());
  CHECK(epoch.targets == dealt.target_count());
  CHECK(epoch.packs == packs);
  CHECK(epoch.packing_efficiency() ==
        static_cast<double>(dealt.tokens()) / static_cast<double>(packs * 100));
  CHECK((epoch.packs == epoch.examples) == !packing);
  sources.run.data.packing = !packing;
  const EpochStatistics other = first_epoch({dataset, sources.run.data, 7});
  CHECK((epoch.packing_efficiency() > other.packing_efficiency()) == packing);
  std::int64_t drawn = 0;
  for (const SourceReport& source : dataset.sources) drawn += source.drawn;
  CHECK(epoch.examples == drawn);
  if (weight == 1) {
    CHECK(epoch.tokens == dataset.report.tokens);
    CHECK(epoch.targets == dataset.report.targets);
  }
  CHECK(EpochStatistics{}.packing_efficiency() == 0);
}

TEST_CASE("the table and the JSON of a data set have its numbers", "[data_statistics]") {
  MixedSources sources;
  const Dataset dataset = sources.load(100, 0.5);
  const Json json = data_json(dataset);
  CHECK(json["tokens"] == dataset.report.tokens);
  CHECK(json["lengths"]["max"] == 100);
  REQUIRE(json["sources"].size() == 3);
  std::int64_t removed = 0, examples = 0;
  for (const Json& source : json["sources"]) {
    removed += source["truncated_tokens"].get<std::int64_t>();
    examples += source["sequences"].get<std::int64_t>();
    CHECK(source["lengths"]["min"] <= source["lengths"]["median"]);
    CHECK(source["lengths"]["p90"] <= source["lengths"]["p99"]);
  }
  CHECK(json["truncated_tokens"] == removed);
  CHECK(json["sequences"] == examples);
  CHECK(json["sources"][0]["weight"] == 0.5);
  CHECK(json["sources"][0]["sequences_per_epoch"] == 150);
  CHECK(json["sources"][2]["files"] == 2);

  const std::string table = data_table(dataset);
  CHECK_THAT(table, has_text("prompts.jsonl"));
  CHECK_THAT(table, has_text("all"));
  CHECK_THAT(table, has_text(std::to_string(dataset.report.truncated_tokens)));
  const Dataset one = load_sources({{sources.path() / "more.txt", 1, {}}}, "data.train",
                                   sources.run, stories_tokenizer(), [](auto&, auto&) {});
  CHECK(data_table(one).find("all") == std::string::npos);

  const EpochStatistics epoch{
      .examples = 3, .tokens = 90, .targets = 40, .packs = 1, .max_length = 120};
  CHECK(describe(epoch) == "90 tokens (40 learned) in 3 sequences, 1 pack that is 75.0% full");
  CHECK(epoch_json(epoch)["packing_efficiency"] == 0.75);
}
