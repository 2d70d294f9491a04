#include "run/train_setup.h"

#include "base/error.h"
#include "base/wording.h"
#include "config/hub_cache.h"
#include "data/sources.h"
#include "export/tuned_directory.h"
#include "families/model_config.h"
#include "report/data_report.h"
#include "report/human.h"
#include "report/progress.h"
#include "run/open_model.h"
#include "run/run_directory.h"
#include "run/run_inputs.h"
#include "run/train_checks.h"
#include "runtime/device.h"
#include "training/batch_stream.h"
#include "training/self_text.h"

#include <algorithm>
#include <future>
#include <iterator>
#include <utility>

#include <ATen/Parallel.h>
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
  if (report.has_template && !rows.unread.empty()) {
    spdlog::info("{}: the template leaves out the fields {}", name, rows.unread.text());
  }
}

Dataset load(const std::vector<DataSource>& sources, const std::string& key, const RunConfig& run,
             const Tokenizer& tokenizer, int threads) {
  std::int64_t drawn = 0;
  Dataset dataset = load_sources(
      sources, key, run, tokenizer,
      [&](const DataSource& source, const SourceReport& report) {
        report_source(source, report, run.data.max_length);
        drawn += report.drawn;
      },
      threads);
  if (sources.size() > 1) {
    const DatasetReport& total = dataset.report;
    spdlog::info("{}: {}, {}, {}, {} of them learned; {} an epoch", key,
                 counted(std::ssize(sources), "source"), counted(total.examples, "sequence"),
                 counted(total.tokens, "token"), total.targets, counted(drawn, "sequence"));
  }
  if (const std::uint64_t bytes = dataset.examples.bytes_on_disk(); bytes > 0) {
    spdlog::info("{}: {} of token ids lie in a temporary file in {}", key,
                 human_bytes(static_cast<double>(bytes)), dataset.examples.folder().string());
  }
  return dataset;
}

/// A text to be held on.
Dataset load_retention(const RunConfig& run, const Tokenizer& tokenizer, int threads) {
  DatasetOptions options = retention_options(run);
  options.threads = threads;
  Dataset dataset = load_dataset(options, tokenizer);
  spdlog::info("{}: {}, {} to be held on", run.retention.text->filename().string(),
               counted(dataset.report.examples, "sequence"),
               counted(dataset.report.tokens, "token"));
  return dataset;
}

/// Texts that the base itself writes.
Dataset sample_from_base(TrainSetup& setup, bool quiet) {
  ProgressLine progress(quiet);
  setup.adaptation().set_strength(0);
  Dataset data = sample_self_text(
      setup.decoder,
      {.samples = setup.run().retention.samples,
       .length = std::min(setup.run().retention.sample_length, setup.spec.max_positions),
       .begin = begin_token(*setup.tokenizer),
       .end = setup.tokenizer->eos(),
       .seed = setup.run().training.seed},
      [&](std::int64_t done, std::int64_t total) {
        progress.counting("sampling from the base", done, total);
      });
  setup.adaptation().set_strength(1);
  progress.clear();
  spdlog::info("retention: {} of {} in all, written by the base itself",
               counted(data.report.examples, "text"), counted(data.report.tokens, "token"));
  return data;
}

}  // namespace

std::string TrainSetup::merged_size() const {
  if (folding) return describe(folded_size(base, spec, *folding), folding->layout);
  return human_bytes(static_cast<double>(tuned_weight_bytes(base, method.layers)));
}

void retain_on_self_text(TrainSetup& setup, const fs::path* directory, bool quiet) {
  const RetentionConfig& retention = setup.run().retention;
  if (retention.weight == 0 || retention.text) return;
  const fs::path file = directory ? *directory / kSelfTextFile : fs::path();
  const RankGroup& group = setup.group;
  const bool is_saved = group.answer_of_first(group.is_first() && directory && is_there(file));
  if (group.is_first() && is_saved) {
    setup.retention_data = read_self_text(file, setup.spec.vocab);
  } else if (!is_saved && (group.is_first() || setup.decoder.is_sharded())) {
    setup.retention_data = sample_from_base(setup, quiet);
    if (group.is_first() && directory) write_self_text(file, *setup.retention_data);
  }
  if (group.is_alone()) return;
  const Json told = group.is_first() ? self_text_json(*setup.retention_data) : Json();
  const std::string text = group.text_of_first(told.dump());
  if (!group.is_first()) setup.retention_data = parse_self_text(parse_json(text, "rank 0"));
}

namespace {

/// The ranking on the first tokens of an epoch.
std::vector<LayerScore> rank_layers_for(const RunConfig& run, Decoder& decoder,
                                        const Dataset& training_data) {
  constexpr std::int64_t kProbeTokens = 16384;
  TrainingConfig training = run.training;
  training.max_steps = std::nullopt;
  training.epochs = 1;
  BatchStream stream(training_data, run.data, training);
  std::vector<TokenBatch> probe;
  for (std::int64_t tokens = 0; tokens < kProbeTokens;) {
    StepBatch step = stream.next();
    if (step.tokens == 0) break;
    tokens += step.tokens;
    std::ranges::move(step.micro_batches, std::back_inserter(probe));
  }
  return rank_layers(decoder, probe);
}

/// Puts the layers that {"auto": N} stands for in its place; returns how they were chosen.
std::vector<LayerScore> choose_layers(RunConfig& run, Decoder& decoder,
                                      const Dataset& training_data, bool resume,
                                      const RankGroup& group) {
  const std::int64_t count = run.expansion.layers.automatic(decoder.spec().layers).value();
  const fs::path saved = run.output / kRankingFile;
  Json told;
  if (group.is_first()) {
    told = resume && is_there(saved) ? read_json(saved)
                                     : ranking_json(rank_layers_for(run, decoder, training_data));
  }
  const std::vector<LayerScore> ranking =
      read_ranking(parse_json(group.text_of_first(told.dump()), saved.string()), saved.string());
  if (std::ssize(ranking) != decoder.spec().layers) {
    throw input_error("the ranking is of " + std::to_string(ranking.size()) + " layers",
                      saved.string(), "start again with --restart");
  }
  run.expansion.layers = LayerSelection::parse(Json(first_layers(ranking, count)), saved.string());
  std::string list;
  for (const LayerScore& one : ranking) {
    list += fmt::format("{}{} ({:.1e})", list.empty() ? "" : ", ", one.layer, one.score);
  }
  spdlog::info("layers by gradient / weights of their MLPs: {}", list);
  return ranking;
}

TrainData load_data(const RunConfig& run, const Tokenizer& tokenizer, int threads) {
  TrainData data;
  if (!run.data.validation.empty()) {
    data.validation = load(run.data.validation, "data.validation", run, tokenizer, threads);
  }
  if (run.retention.weight > 0 && run.retention.text) {
    data.retention = load_retention(run, tokenizer, threads);
  }
  data.training = load(run.data.train, "data.train", run, tokenizer, threads);
  return data;
}

}  // namespace

std::unique_ptr<TrainSetup> set_up_training(ResolvedConfig config, const ProcessOptions& process,
                                            bool resume, const RankGroup& group) {
  RunConfig& run = config.run;
  check_run_inputs(run);
  Problems problems;
  std::optional<TrainBase> opened = open_train_base(run, problems);
  problems.throw_if_any();
  ModelDirectory& base = opened->directory;
  const DecoderSpec& spec = opened->spec;
  std::optional<Folding>& folding = opened->folding;
  std::unique_ptr<const Tokenizer>& tokenizer = opened->tokenizer;
  Notices notices = joined(config_notices(run), opened->notices);
  report_notices(notices, process);
  const bool automatic = chooses_layers(run, spec);

  const at::Device device = prepare_device(process);
  // Tokenizing and loading weights take about as long: side by side.
  auto loading = std::async(std::launch::async, [&, threads = at::get_num_threads()] {
    return load_data(run, *tokenizer, threads);
  });
  Decoder decoder = Decoder::load(base, compute_dtype(run.training.precision, device), device,
                                  run.training.shard_base ? group : RankGroup::alone());
  std::optional<TrainData> data;
  std::vector<LayerScore> ranking;
  if (automatic) {
    data = loading.get();
    ranking = choose_layers(run, decoder, data->training, resume, group);
    if (run.method.widens()) folding = folding_of(run, spec);
  }
  AppliedMethod method = apply_method(decoder, base, run);
  if (run.training.gradient_checkpointing) decoder.checkpoint_from(method.frozen_layers);
  spdlog::info("{} on {}: {}", fs::path(model_name(base.path())).filename().string(),
               device_name(device), describe(method, run, spec));
  const Dtype base_dtype = base.tensor(spec.names.embedding()).dtype;
  if (!data) data = loading.get();
  const Notices of_data = data_notices(run, *data);
  report_notices(of_data, process);
  notices = joined(std::move(notices), of_data);
  auto setup = std::make_unique<TrainSetup>(
      TrainSetup{group, std::move(config), device, std::move(base), spec, base_dtype,
                 std::move(tokenizer), folding, std::move(data->training), EpochStatistics(),
                 std::move(data->validation), std::move(data->retention), std::move(decoder),
                 std::move(method), std::move(ranking), std::move(notices)});
  setup->epochs = std::make_shared<const PackedEpochs>(setup->training_data, setup->run().data,
                                                       setup->run().training.seed);
  setup->first_epoch = first_epoch(*setup->epochs);
  spdlog::info("an epoch: {}", describe(setup->first_epoch));
  // Rightly so in a trial on a few rows: --strict stops at it in validate alone.
  for (const Notice& notice : batch_notices(setup->config, setup->first_epoch)) {
    if (group.is_first()) spdlog::warn("{}", notice_text(notice));
  }
  spdlog::info("the merged model will take {}", setup->merged_size());
  return setup;
}

std::vector<LayerScore> rank_layers_of(const RunConfig& run, const ProcessOptions& process) {
  check_run_inputs(run);
  const ModelDirectory base = ModelDirectory::open(run.model);
  const auto tokenizer = Tokenizer::load(base.path());
  const DecoderSpec spec = read_spec(base);
  report_notices(notices_of(spec), process);
  check_vocabulary(*tokenizer, spec.vocab, base.path().string());
  report_notices(tokenizer->notices(), process);
  const at::Device device = prepare_device(process);
  const Dataset training_data =
      load(run.data.train, "data.train", run, *tokenizer, at::get_num_threads());
  report_notices(training_data.notices, process);
  Decoder decoder = Decoder::load(base, compute_dtype(run.training.precision, device), device);
  return rank_layers_for(run, decoder, training_data);
}

}  // namespace expandft
