#include "run/prepared_run.h"

#include "base/error.h"
#include "config/hub_cache.h"
#include "export/gguf_output.h"
#include "export/tuned_directory.h"
#include "families/model_config.h"
#include "report/data_report.h"
#include "report/human.h"
#include "run/open_model.h"
#include "run/run_directory.h"
#include "run/run_inputs.h"
#include "runtime/device.h"
#include "training/batch_stream.h"

#include <algorithm>
#include <future>
#include <iterator>
#include <utility>

#include <ATen/Parallel.h>
#include <spdlog/spdlog.h>

namespace expandft {
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

/// Replaces {"auto": N} by the layers that it chooses; returns the ranking.
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

/// Opens the base. All that is wrong with it, or with the settings for it, is one error.
RunBase checked_base(RunConfig& run) {
  check_run_inputs(run);
  import_base(run);
  Problems problems;
  std::optional<RunBase> base = open_run_base(run, problems);
  problems.throw_if_any();
  return std::move(*base);
}

}  // namespace

std::string merged_size(const RunConfig& run, const RunBase& base, const RunModel& model) {
  const OutputForm& form = run.output_form;
  if (model.folding) {
    const FoldedSize size = folded_size(base.directory, base.spec, *model.folding);
    return describe(size_in_form(size, form, base.dtype()), model.folding->layout);
  }
  const std::uint64_t bytes = tuned_weight_bytes(base.directory, model.method.layers);
  return human_bytes(static_cast<double>(bytes_in_form(bytes, form, base.dtype())));
}

PreparedRun prepare_run(ResolvedConfig config, const ProcessOptions& options, bool resume,
                        const RankGroup& group, bool caches_ids) {
  RunConfig& run = config.run;
  RunBase base = checked_base(run);
  Notices notices = joined(config_notices(run), base.notices);
  report_notices(notices, options);

  const at::Device device = prepare_device(options);
  const Json kept = resume ? kept_training(run.output, group) : Json();
  std::vector<AutomaticChoice> choices;
  settle_precision(config, kept, device, base.spec, group, choices);
  // Tokenizing and loading weights take about as long: side by side.
  auto loading = std::async(std::launch::async, [&, threads = at::get_num_threads()] {
    return load_run_data(run, *base.tokenizer, threads, caches_ids);
  });
  Decoder decoder = Decoder::load(base.directory, compute_dtype(run.training.precision, device),
                                  device, run.training.shard_base ? group : RankGroup::alone());
  std::optional<RunData> data;
  std::vector<LayerScore> ranking;
  if (chooses_layers(run, base.spec)) {
    data = loading.get();
    ranking = choose_layers(run, decoder, *data->training, resume, group);
  }
  std::optional<Folding> folding;
  if (run.method.widens()) folding = folding_of(run, base.spec);
  AppliedMethod method = apply_method(decoder, base.directory, run);
  if (run.training.gradient_checkpointing) decoder.checkpoint_from(method.frozen_layers);
  spdlog::info("{} on {}: {}", fs::path(model_name(base.directory.path())).filename().string(),
               device_name(device), describe(method, run, base.spec));
  if (!data) data = loading.get();
  const Notices of_data = data_notices(run, *data);
  report_notices(of_data, options);
  notices = joined(std::move(notices), of_data);
  spdlog::info("an epoch: {}", describe(data->first_epoch));
  // A trial on a few rows may well do this: --strict makes it an error in validate only.
  for (const Notice& notice : batch_notices(config, data->first_epoch)) {
    if (group.is_first()) spdlog::warn("{}", notice_text(notice));
  }
  settle_micro_batch(config, kept,
                     {.decoder = decoder,
                      .method = method,
                      .epochs = *data->epochs,
                      .weight_bytes = static_cast<std::int64_t>(base.directory.weight_bytes())},
                     group, choices);
  RunModel model{std::move(decoder), std::move(method), std::move(folding), std::move(ranking)};
  spdlog::info("the merged model will take {}", merged_size(run, base, model));
  return {std::move(config), std::move(base),    std::move(*data),
          std::move(model),  std::move(notices), std::move(choices)};
}

std::vector<LayerScore> rank_layers_of(RunConfig run, const ProcessOptions& options) {
  check_run_inputs(run);
  import_base(run);
  const ModelDirectory base = ModelDirectory::open(run.model_directory);
  const auto tokenizer = Tokenizer::load(base.path());
  const DecoderSpec spec = read_spec(base);
  report_notices(training_notices(spec), options);
  check_vocabulary(*tokenizer, spec.vocab, base.path().string());
  report_notices(tokenizer->notices(), options);
  const at::Device device = prepare_device(options);
  const Dataset training_data =
      load_training_data(run, *tokenizer, at::get_num_threads(), /*caches_ids=*/false);
  report_notices(training_data.notices, options);
  Precision precision = run.training.precision;
  if (precision == Precision::kAuto) precision = automatic_precision(device, spec);
  Decoder decoder = Decoder::load(base, compute_dtype(precision, device), device);
  return rank_layers_for(run, decoder, training_data);
}

}  // namespace expandft
