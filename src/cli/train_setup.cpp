#include "cli/train_setup.h"

#include "base/error.h"
#include "cli/load.h"
#include "model/families.h"
#include "report/data_report.h"
#include "report/human.h"
#include "report/progress.h"
#include "runtime/device.h"
#include "text/sources.h"
#include "training/self_text.h"

#include <algorithm>
#include <future>
#include <tuple>
#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

void report_source(const DataSource& source, const SourceReport& report, std::int64_t max_length) {
  const DatasetReport& rows = report.rows;
  std::string name = source.path.filename().string();
  if (report.files > 1) name += fmt::format(" ({} files)", report.files);
  std::string line = fmt::format("{}: {} rows, {} sequences, {} tokens, {} of them learned", name,
                                 rows.rows, rows.examples, rows.tokens, rows.targets);
  if (source.weight != 1) {
    line += fmt::format("; at weight {}, {} sequences an epoch", source.weight, report.drawn);
  }
  spdlog::info("{}", line);
  if (rows.truncated_rows > 0) {
    spdlog::warn(
        "{}: {} rows lost the beginning of their prompt, or their oldest turns, {} tokens in all, "
        "to fit {} tokens",
        name, rows.truncated_rows, rows.truncated_tokens, max_length);
  }
}

Dataset load(const std::vector<DataSource>& sources, const std::string& key, const RunConfig& run,
             const Tokenizer& tokenizer) {
  std::int64_t drawn = 0;
  Dataset dataset = load_sources(sources, key, run, tokenizer,
                                 [&](const DataSource& source, const SourceReport& report) {
                                   report_source(source, report, run.data.max_length);
                                   drawn += report.drawn;
                                 });
  if (sources.size() > 1) {
    const DatasetReport& total = dataset.report;
    spdlog::info(
        "{}: {} sources, {} sequences, {} tokens, {} of them learned; {} sequences an epoch", key,
        sources.size(), total.examples, total.tokens, total.targets, drawn);
  }
  if (const std::uint64_t bytes = dataset.examples.bytes_on_disk(); bytes > 0) {
    spdlog::info("{}: {} of token ids lie in a temporary file in {}", key,
                 human_bytes(static_cast<double>(bytes)), dataset.examples.folder().string());
  }
  return dataset;
}

/// A text to be held on: every token of it counts, and no template.
Dataset load_retention(const fs::path& path, const RunConfig& run, const Tokenizer& tokenizer) {
  Dataset dataset = load_dataset(
      {.path = path, .max_length = run.data.max_length, .learn_prompt = true}, tokenizer);
  spdlog::info("{}: {} sequences, {} tokens to be held on", path.filename().string(),
               dataset.report.examples, dataset.report.tokens);
  return dataset;
}

/// The token that begins a text of the base's: BOS, or, where there is none, EOS, which stands
/// between texts in training.
TokenId begin_token(const TrainSetup& setup) {
  const Tokenizer& tokenizer = *setup.tokenizer;
  if (const auto bos = tokenizer.bos()) return *bos;
  if (const auto eos = tokenizer.eos()) return *eos;
  throw input_error("the tokenizer has neither BOS nor EOS to begin a text with", "retention.text",
                    "give a text that the base is good at");
}

}  // namespace

void retain_on_self_text(TrainSetup& setup, const fs::path* directory, bool quiet) {
  const RetentionConfig& retention = setup.run().retention;
  if (retention.weight == 0 || retention.text) return;
  const fs::path file = directory ? *directory / "retention.safetensors" : fs::path();
  if (directory && is_there(file)) {
    setup.retention_data = read_self_text(file, setup.spec.vocab);
    return;
  }
  ProgressLine progress(quiet);
  setup.expansion.set_strength(0);
  setup.retention_data =
      sample_self_text(setup.decoder,
                       {.samples = retention.samples,
                        .length = std::min(retention.sample_length, setup.spec.max_positions),
                        .begin = begin_token(setup),
                        .end = setup.tokenizer->eos(),
                        .seed = setup.run().training.seed},
                       [&](std::int64_t done, std::int64_t total) {
                         progress.counting("sampling from the base", done, total);
                       });
  setup.expansion.set_strength(1);
  progress.clear();
  const DatasetReport& report = setup.retention_data->report;
  spdlog::info("retention: {} texts of {} tokens, written by the base itself", report.examples,
               report.tokens);
  if (directory) write_self_text(file, *setup.retention_data);
}

std::unique_ptr<TrainSetup> set_up_training(ResolvedConfig config, const GlobalOptions& global) {
  check_run_inputs(config.run);
  const RunConfig& run = config.run;
  ModelDirectory base = ModelDirectory::open(run.model);
  const DecoderSpec spec = read_spec(base);
  const ExpansionPlan plan = make_plan(run.expansion.layers, run.expansion.copies, spec);
  const Folding folding{plan, resolve_layout(run.layout, plan, spec), run.strength};
  if (run.data.max_length > spec.max_positions) {
    throw input_error(fmt::format("data.max_length is {}; the model has {} positions",
                                  run.data.max_length, spec.max_positions),
                      run.file.string(), "lower data.max_length");
  }
  if (plan.copies > 2) {
    spdlog::warn(
        "expansion.copies is {}: copies of one layer start equal and get equal gradients, so "
        "more than 2 train no better than 2",
        plan.copies);
  }
  auto tokenizer = Tokenizer::load(base.path());
  check_vocabulary(*tokenizer, spec.vocab, base.path().string());

  const at::Device device = prepare_device(global);
  spdlog::info("{} on {}: {}", base.path().filename().string(), device_name(device),
               describe(plan, spec));
  // Tokenizing and loading weights take about as long: side by side.
  auto data = std::async(std::launch::async, [&] {
    std::optional<Dataset> validation, retention;
    if (!run.data.validation.empty()) {
      validation = load(run.data.validation, "data.validation", run, *tokenizer);
    }
    if (run.retention.weight > 0 && run.retention.text) {
      retention = load_retention(*run.retention.text, run, *tokenizer);
    }
    return std::tuple(load(run.data.train, "data.train", run, *tokenizer), std::move(validation),
                      std::move(retention));
  });
  Decoder decoder = Decoder::load(base, compute_dtype(run.training.precision, device), device);
  Expansion expansion = expand(decoder, plan, original_copies(base, spec, plan), at::kFloat);
  const Dtype base_dtype = base.tensor(spec.names.embedding()).dtype;
  auto [training_data, validation_data, retention_data] = data.get();
  const EpochStatistics epoch = first_epoch(training_data, run.data, run.training.seed);
  spdlog::info("an epoch: {}", describe(epoch));
  return std::make_unique<TrainSetup>(
      TrainSetup{std::move(config), device, std::move(base), spec, base_dtype, std::move(tokenizer),
                 plan, folding, std::move(training_data), epoch, std::move(validation_data),
                 std::move(retention_data), std::move(decoder), std::move(expansion)});
}

}  // namespace expandft
