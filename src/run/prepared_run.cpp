#include "run/prepared_run.h"

#include "base/error.h"
#include "checkpoint/neuron_indices.h"
#include "config/hub_cache.h"
#include "export/gguf_output.h"
#include "export/tuned_directory.h"
#include "families/model_config.h"
#include "growth/neuron_choice.h"
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

constexpr const char* kStartAgain = "start again with --restart";

/// The first tokens of an epoch, as training reads them.
std::vector<TokenBatch> probe_of(const RunConfig& run, const Dataset& training_data) {
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
  return probe;
}

/// What was chosen about an expansion by the training data: layers, neurons, or both.
struct GrowthChoice {
  std::vector<LayerScore> ranking;  // of all layers, where {"auto": N} chose some
  LayerNeurons neurons;             // where there is a width
};

/// Replaces {"auto": N} by the layers that a ranking chooses.
void take_layers(RunConfig& run, const std::vector<LayerScore>& ranking, const DecoderSpec& spec,
                 const std::string& where) {
  const std::int64_t count = run.expansion.layers.automatic(spec.layers).value();
  if (std::ssize(ranking) != spec.layers) {
    throw input_error("the ranking is of " + std::to_string(ranking.size()) + " layers", where,
                      kStartAgain);
  }
  run.expansion.layers = LayerSelection::parse(Json(first_layers(ranking, count)), where);
}

/// Chooses by one pass over the probe. The config then has the choice.
GrowthChoice choose_growth(RunConfig& run, Decoder& decoder, const Dataset& training_data) {
  const DecoderSpec& spec = decoder.spec();
  ExpansionConfig& expansion = run.expansion;
  const Method method = run.method.kind;
  const bool ranks = chooses_layers(run, spec), picks = chooses_neurons(run, spec);
  const bool scores = picks && expansion.neurons != NeuronChoice::kRandom;
  GrowthChoice out;
  MlpProbe found;
  if (ranks || scores) {
    std::vector<std::int64_t> layers;
    if (!ranks) layers = expansion.layers.resolve(spec.layers);
    for (std::int64_t i = 0; ranks && i < spec.layers; ++i) layers.push_back(i);
    found = probe_mlps(decoder, probe_of(run, training_data), layers,
                       scores ? std::optional(expansion.neurons) : std::nullopt);
  }
  if (ranks) {
    out.ranking = found.ranking;
    take_layers(run, out.ranking, spec, "expansion.layers");
  }
  if (scores) choose_neurons(expansion, spec, method, found.neurons);
  if (picks && !scores) draw_neurons(expansion, spec, method, run.training.seed);
  if (!expansion.chosen.empty()) {
    const std::vector<std::int64_t> layers = expansion.layers.resolve(spec.layers);
    for (std::size_t i = 0; i < layers.size(); ++i) out.neurons[layers[i]] = expansion.chosen[i];
  }
  return out;
}

std::vector<std::int64_t> widths_of(const DecoderSpec& spec) {
  std::vector<std::int64_t> widths;
  for (std::int64_t i = 0; i < spec.layers; ++i) widths.push_back(spec.width(i));
  return widths;
}

/// What the run that is resumed chose.
GrowthChoice kept_growth(const RunConfig& run, const DecoderSpec& spec) {
  GrowthChoice out;
  if (chooses_layers(run, spec)) {
    const fs::path file = run.output / kRankingFile;
    out.ranking = read_ranking(read_json(file), file.string());
  }
  if (chooses_neurons(run, spec)) {
    out.neurons = read_neurons_file(run.output / kNeuronsFile, widths_of(spec), kStartAgain);
  }
  return out;
}

Json growth_json(const GrowthChoice& choice) {
  Json neurons = Json::array();
  for (const auto& [layer, indices] : choice.neurons) neurons.push_back({layer, indices});
  return {{"ranking", ranking_json(choice.ranking)}, {"neurons", neurons}};
}

/// Chooses layers and neurons, or takes what was chosen before; all ranks have the first one's.
/// Returns the ranking.
std::vector<LayerScore> settle_growth(RunConfig& run, Decoder& decoder, const Dataset& data,
                                      bool resume, const RankGroup& group) {
  const DecoderSpec& spec = decoder.spec();
  const std::string where = run.output.string();
  Json told;
  if (group.is_first()) {
    const bool has_ranking = !chooses_layers(run, spec) || is_there(run.output / kRankingFile);
    const bool is_kept = resume && (has_ranking || chooses_neurons(run, spec));
    RunConfig chosen = run;
    told = growth_json(is_kept ? kept_growth(run, spec) : choose_growth(chosen, decoder, data));
  }
  told = parse_json(group.text_of_first(told.dump()), where);
  const std::vector<LayerScore> ranking = read_ranking(told.at("ranking"), where);
  LayerNeurons neurons;
  for (const Json& one : told.at("neurons")) {
    neurons[one.at(0).get<std::int64_t>()] = one.at(1).get<std::vector<std::int64_t>>();
  }
  if (chooses_layers(run, spec)) {
    take_layers(run, ranking, spec, (run.output / kRankingFile).string());
    std::string list;
    for (const LayerScore& one : ranking) {
      list += fmt::format("{}{} ({:.1e})", list.empty() ? "" : ", ", one.layer, one.score);
    }
    spdlog::info("layers by gradient / weights of their MLPs: {}", list);
  }
  if (!neurons.empty()) set_neurons(run.expansion, neurons);
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
  if (chooses_layers(run, base.spec) || chooses_neurons(run, base.spec)) {
    data = loading.get();
    ranking = settle_growth(run, decoder, *data->training, resume, group);
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

namespace {

/// The model and the training data of a run, and nothing else of it.
struct ProbedModel {
  Decoder decoder;
  Dataset training_data;
};

ProbedModel load_to_probe(RunConfig& run, const ProcessOptions& options) {
  check_run_inputs(run);
  import_base(run);
  const ModelDirectory base = ModelDirectory::open(run.model_directory);
  const auto tokenizer = Tokenizer::load(base.path());
  const DecoderSpec spec = read_spec(base);
  report_notices(training_notices(spec), options);
  check_vocabulary(*tokenizer, spec.vocab, base.path().string());
  report_notices(tokenizer->notices(), options);
  const at::Device device = prepare_device(options);
  Dataset training_data =
      load_training_data(run, *tokenizer, at::get_num_threads(), /*caches_ids=*/false);
  report_notices(training_data.notices, options);
  Precision precision = run.training.precision;
  if (precision == Precision::kAuto) precision = automatic_precision(device, spec);
  return {Decoder::load(base, compute_dtype(precision, device), device), std::move(training_data)};
}

}  // namespace

std::vector<LayerScore> rank_layers_of(RunConfig run, const ProcessOptions& options) {
  ProbedModel model = load_to_probe(run, options);
  return rank_layers(model.decoder, probe_of(run, model.training_data));
}

ExpansionConfig chosen_growth_of(RunConfig run, const ProcessOptions& options) {
  ProbedModel model = load_to_probe(run, options);
  choose_growth(run, model.decoder, model.training_data);
  return run.expansion;
}

}  // namespace expandft
