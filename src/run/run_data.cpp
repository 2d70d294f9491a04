#include "run/run_data.h"

#include "base/cache_folder.h"
#include "base/wording.h"
#include "config/task_config.h"
#include "config/task_search.h"
#include "data/shared_data.h"
#include "data/sources.h"
#include "report/human.h"
#include "run/retention_data.h"
#include "runtime/process.h"

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

}  // namespace expandft
