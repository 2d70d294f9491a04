#include "run/run_data.h"

#include "base/cache_folder.h"
#include "base/wording.h"
#include "config/task_config.h"
#include "config/task_search.h"
#include "data/shared_data.h"
#include "data/sources.h"
#include "report/human.h"
#include "report/progress.h"
#include "runtime/process.h"
#include "training/self_text.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

void report_source(const DataSource& source, const SourceReport& report, std::int64_t max_length) {
  const DatasetReport& rows = report.rows;
  std::string name = source.path.filename().string();
  if (report.file_paths.size() > 1) name += fmt::format(" ({} files)", report.file_paths.size());
  std::string line =
      fmt::format("{}: {}, {}, {}, {} of them learned", name, counted(rows.rows, "row"),
                  counted(rows.examples, "sequence"), counted(rows.tokens, "token"), rows.targets);
  if (source.weight != 1) {
    line += fmt::format("; at weight {}, {} an epoch", source.weight,
                        counted(report.drawn, "sequence"));
  }
  spdlog::info("{}", line);
  if (rows.truncated_rows > 0) {
    spdlog::warn(
        "{}: {} lost the beginning of the prompt, or the oldest turns, {} in all, to fit {}", name,
        counted(rows.truncated_rows, "row"), counted(rows.truncated_tokens, "token"),
        counted(max_length, "token"));
  }
  if (rows.split_rows > 0) {
    spdlog::info(
        "{}: {} became several sequences, since the chat template writes earlier answers "
        "anew",
        name, counted(rows.split_rows, "conversation"));
  }
  if (report.has_template && !rows.unread.empty()) {
    spdlog::info("{}: the template leaves out the fields {}", name, rows.unread.text());
  }
}

/// The cache of token ids, for files that are as they were when the process was launched.
std::optional<TokenCacheOptions> token_cache() {
  const std::optional<fs::path> folder = cache_folder("tokens");
  if (!folder) return std::nullopt;
  using std::chrono::system_clock;
  const std::chrono::duration<double> running(seconds_since_launch());
  return TokenCacheOptions{
      *folder, system_clock::now() - std::chrono::duration_cast<system_clock::duration>(running)};
}

Dataset load_and_log(const std::vector<DataSource>& sources, const std::string& key,
                     const RunConfig& run, const Tokenizer& tokenizer, int threads,
                     bool caches_ids) {
  std::int64_t drawn = 0;
  Dataset dataset = load_sources(
      sources, key, run, tokenizer,
      [&](const DataSource& source, const SourceReport& report) {
        report_source(source, report, run.data.max_length);
        drawn += report.drawn;
      },
      threads, caches_ids ? token_cache() : std::nullopt);
  if (sources.size() > 1) {
    const DatasetReport& total = dataset.report;
    spdlog::info("{}: {}, {}, {}, {} of them learned; {} an epoch", key,
                 counted(std::ssize(sources), "source"), counted(total.examples, "sequence"),
                 counted(total.tokens, "token"), total.targets, counted(drawn, "sequence"));
  }
  if (const std::uint64_t bytes = dataset.examples.bytes_on_disk(); bytes > 0) {
    spdlog::info("{}: {} of token ids are in a temporary file in {}", key,
                 human_bytes(static_cast<double>(bytes)), dataset.examples.folder().string());
  }
  return dataset;
}

/// Adds the data set's newest examples, those after `before`, as a text of its own.
void add_part(Dataset& data, std::size_t before, const DataSource& text) {
  data.parts.push_back({data.examples.size() - before, text.weight});
}

/// Texts that the base itself writes, at strength 0.
Dataset sample_from_base(const RunConfig& run, const RunBase& base, const Decoder& decoder,
                         const Adaptation& adaptation, bool quiet) {
  ProgressLine progress(quiet);
  const auto report = [&](std::int64_t done, std::int64_t total) {
    progress.counting("sampling from the base", done, total);
  };
  SelfTextOptions options{.samples = run.retention.samples,
                          .length = longest_sample(run, base.spec),
                          .end = base.tokenizer->eos(),
                          .seed = run.training.seed};
  const std::vector<TextPrompt>& prompts = base.retention_prompts;
  if (prompts.empty()) options.begin = begin_token(*base.tokenizer);
  adaptation.set_strength(0);
  Dataset data = prompts.empty() ? sample_self_text(decoder, options, report)
                                 : sample_continuations(decoder, options, prompts, report);
  adaptation.set_strength(1);
  progress.clear();
  spdlog::info(
      "retention: {} of {} in all, written by the base itself{}",
      counted(data.report.examples, "text"), counted(data.report.tokens, "token"),
      prompts.empty() ? "" : fmt::format(" after {}", counted(std::ssize(prompts), "prompt")));
  return data;
}

bool is_given(const ResolvedConfig& config, const std::string& key) {
  return std::ranges::any_of(config.value_sources, [&](const auto& one) {
    return one.first == key && one.second != ValueSource::kDefault;
  });
}

/// The files that the run's tasks are measured on.
std::vector<MeasuredFile> task_files(const RunConfig& run, const std::vector<std::string>& names) {
  std::vector<MeasuredFile> files;
  for (const TaskConfig& task :
       find_tasks(names, run.file.parent_path(), run.evaluation.task_data)) {
    files.push_back({task.data, "the task " + task.name});
  }
  return files;
}

}  // namespace

Dataset load_training_data(const RunConfig& run, const Tokenizer& tokenizer, int threads,
                           bool caches_ids) {
  return load_and_log(run.data.train, "data.train", run, tokenizer, threads, caches_ids);
}

RunData load_run_data(const RunConfig& run, const Tokenizer& tokenizer, int threads,
                      bool caches_ids) {
  RunData data;
  if (!run.data.validation.empty()) {
    data.validation =
        load_and_log(run.data.validation, "data.validation", run, tokenizer, threads, caches_ids);
  }
  data.retention = load_retention_files(run, tokenizer, threads);
  data.training =
      std::make_unique<const Dataset>(load_training_data(run, tokenizer, threads, caches_ids));
  data.epochs = std::make_shared<const PackedEpochs>(*data.training, run.data, run.training.seed);
  data.first_epoch = first_epoch(*data.epochs);
  return data;
}

Notices data_notices(const RunConfig& run, const RunData& data) {
  Notices notices = data.training->notices;
  const auto add = [&](const Notices& more) { notices = joined(std::move(notices), more); };
  if (data.validation) {
    add(data.validation->notices);
    add(shared_examples(*data.training, *data.validation));
  }
  std::vector<fs::path> training_files;
  for (const SourceReport& source : data.training->sources) {
    training_files.insert(training_files.end(), source.file_paths.begin(), source.file_paths.end());
  }
  add(shared_files(training_files, "data.train", task_files(run, run.evaluation.original_tasks)));
  add(shared_files(training_files, "data.train", task_files(run, run.evaluation.tasks)));
  if (data.retention) {
    add(data.retention->notices);
    std::vector<fs::path> texts;
    for (const DataSource& text : run.retention.text) {
      if (!text.is_self()) texts.push_back(text.path);
    }
    add(shared_files(texts, "retention.text", task_files(run, run.evaluation.original_tasks)));
  }
  return notices;
}

Notices batch_notices(const ResolvedConfig& config, const EpochStatistics& epoch) {
  const TrainingConfig& training = config.run.training;
  const auto tell = [](const std::string& key, std::int64_t batch, std::int64_t epoch_holds,
                       const std::string& unit) {
    return Notice{.what = fmt::format("a step of {} {} takes more than an epoch has: {}", batch,
                                      unit, epoch_holds),
                  .where = key,
                  .hint = "lower it: every step sees the same rows, and there are few steps"};
  };
  if (training.batch_size && *training.batch_size > epoch.packs &&
      is_given(config, "training.batch_size")) {
    return {tell("training.batch_size", *training.batch_size, epoch.packs, "sequences")};
  }
  if (training.batch_tokens && *training.batch_tokens > epoch.tokens &&
      is_given(config, "training.batch_tokens")) {
    return {tell("training.batch_tokens", *training.batch_tokens, epoch.tokens, "tokens")};
  }
  return {};
}

std::optional<Dataset> load_retention_files(const RunConfig& run, const Tokenizer& tokenizer,
                                            int threads) {
  if (!run.retention.uses_text()) return {};
  std::optional<Dataset> data;
  for (const DataSource& text : run.retention.text) {
    if (text.is_self()) continue;
    if (!data) data.emplace();
    const std::size_t before = data->examples.size();
    const DatasetReport report = append_dataset({.path = text.path,
                                                 .max_length = run.data.max_length,
                                                 .train_on_prompt = true,
                                                 .train_on_empty_reasoning = true,
                                                 .threads = threads},
                                                tokenizer, *data);
    name_unread(report.unread, text.path, data->notices);
    if (run.retention.text.size() > 1) add_part(*data, before, text);
    spdlog::info("{}: {}, {} for retention", text.path.filename().string(),
                 counted(report.examples, "sequence"), counted(report.tokens, "token"));
  }
  return data;
}

void add_self_written_text(const RunConfig& run, const RunBase& base, const Decoder& decoder,
                           const Adaptation& adaptation, const fs::path& file,
                           const RankGroup& group, bool quiet, std::optional<Dataset>& data) {
  if (!run.retention.samples_text()) return;
  std::optional<Dataset> texts;
  const bool is_kept = !file.empty();
  const bool is_saved = group.answer_of_first(group.is_first() && is_kept && is_there(file));
  if (group.is_first() && is_saved) {
    texts = read_self_text(file, base.spec.vocab);
  } else if (!is_saved && (group.is_first() || decoder.is_sharded())) {
    texts = sample_from_base(run, base, decoder, adaptation, quiet);
    if (group.is_first() && is_kept) write_self_text(file, *texts);
  }
  if (!group.is_alone()) {
    const Json own = group.is_first() ? self_text_json(*texts) : Json();
    const std::string of_first = group.text_of_first(own.dump());
    if (!group.is_first()) texts = parse_self_text(parse_json(of_first, "rank 0"));
  }
  if (!data) {
    data = std::move(texts);
    return;
  }
  const std::size_t before = data->examples.size();
  for (const Example& example : texts->examples) data->examples.push_back(example);
  data->report += texts->report;
  add_part(*data, before, *std::ranges::find_if(run.retention.text, &DataSource::is_self));
}

}  // namespace expandft
