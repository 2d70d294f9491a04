#include "measure/evaluated_model.h"

#include "base/hash.h"
#include "base/version.h"
#include "base/wording.h"
#include "checkpoint/peft_adapter.h"
#include "config/strength.h"
#include "families/model_config.h"
#include "growth/attach.h"
#include "report/human.h"
#include "run/open_model.h"
#include "runtime/device.h"
#include "tasks/result_tables.h"

#include <chrono>
#include <numeric>
#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

using Clock = std::chrono::steady_clock;

std::string since(Clock::time_point start) {
  const std::chrono::duration<double> seconds = Clock::now() - start;
  return fixed(seconds.count(), 2) + " s";
}

/// Of the files that say how ids become text.
std::string tokenizer_fingerprint(const ModelDirectory& directory) {
  Hash hash;
  for (const fs::path& file : directory.companion_files()) {
    hash.add(file.string());
    hash.add(read_file(directory.path() / file));
  }
  return hash.digits();
}

/// Of an adapter's two files.
std::string adapter_fingerprint(const fs::path& adapter) {
  Hash hash;
  for (const char* const name : {"adapter_config.json", "adapter_model.safetensors"}) {
    hash.add(MappedFile::open(adapter / name)->bytes());
  }
  return hash.digits();
}

}  // namespace

EvaluatedModel::EvaluatedModel(ModelSource source, const ProcessOptions& process)
    : source_(found_model(std::move(source))),
      directory_(ModelDirectory::open(source_.model)),
      tokenizer_(load_tokenizer(directory_)),
      spec_(read_spec(directory_)),
      device_(prepare_device(process)),
      end_tokens_(end_tokens(directory_, *tokenizer_)) {
  if (source_.adapter && !is_peft_adapter(*source_.adapter)) {
    open_adapter(*source_.adapter, directory_);  // another base's is refused before any work
  }
}

const Decoder& EvaluatedModel::decoder() {
  if (!decoder_) {
    ModelSource plain = source_;
    plain.adapter.reset();
    decoder_ = load_decoder(directory_, plain, device_);
    if (source_.adapter) {
      adaptation_ = attach(*decoder_, directory_, *source_.adapter, source_.strength);
    }
  }
  return *decoder_;
}

void EvaluatedModel::set_strength(const Strength& strength) {
  source_.strength = strength;
  if (!identity_.is_null()) add_adapter_to_identity();
  if (adaptation_) adaptation_->set_strength(strength);
}

std::string EvaluatedModel::at_strength() const {
  return source_.adapter ? " at strength " + source_.strength.text() : "";
}

void EvaluatedModel::add_adapter_to_identity() {
  identity_.erase("adapter");
  identity_.erase("strength");
  if (!source_.adapter || source_.strength == Strength(0)) return;  // the base, bit for bit
  if (adapter_fingerprint_.empty()) adapter_fingerprint_ = adapter_fingerprint(*source_.adapter);
  identity_["adapter"] = adapter_fingerprint_;
  identity_["strength"] = source_.strength.text();
}

const Json& EvaluatedModel::identity() {
  if (!identity_.is_null()) return identity_;
  const at::ScalarType dtype = compute_dtype(source_.precision, device_);
  identity_ = {{"program", program_version()},
               {"weights", directory_.fingerprint()},
               {"dtype", c10::toString(dtype)},
               {"device", device_.is_cpu() ? "cpu" : "cuda"},
               {"tokenizer", tokenizer_fingerprint(directory_)},
               {"end_tokens", end_tokens_}};
  add_adapter_to_identity();
  return identity_;
}

std::vector<PreparedTask> EvaluatedModel::prepare(const std::vector<TaskConfig>& tasks,
                                                  std::int64_t max_positions) const {
  std::vector<PreparedTask> works;
  for (const TaskConfig& task : tasks) {
    const Clock::time_point start = Clock::now();
    works.push_back(prepare_task(task, *tokenizer_, max_positions));
    const auto& tokens = works.back().batch_tokens;
    spdlog::info("{}: {}, {} to compute ({})", task.name,
                 counted(std::ssize(works.back().blank), "example"),
                 counted(std::accumulate(tokens.begin(), tokens.end(), std::int64_t{0}), "token"),
                 since(start));
  }
  return works;
}

std::vector<TaskResult> EvaluatedModel::evaluate(const std::vector<PreparedTask>& works,
                                                 const std::optional<fs::path>& cache,
                                                 ProgressLine& progress, const RankGroup& group) {
  std::vector<TaskResult> results;
  for (const PreparedTask& work : works) {
    std::optional<OutputCache> kept;
    if (cache && group.is_first()) kept.emplace(*cache, work, identity());
    const bool has_all = kept && kept->is_complete();
    const bool is_known = group.answer_of_first(has_all);
    if (!is_known) decoder();  // loaded before the clock runs
    const Clock::time_point start = Clock::now();
    if (is_known && kept) {
      results.push_back(cached_result(work, *kept));
    } else if (is_known) {
      continue;  // rank 0 has the results, and nobody else needs them
    } else {
      results.push_back(expandft::evaluate(
          decoder(), *tokenizer_, work,
          {.end_tokens = end_tokens_,
           .progress =
               [&](const EvaluationProgress& p) {
                 progress.counting("evaluating " + work.task.name + at_strength(), p.done, p.total,
                                   p.seconds_left);
               },
           .cache = kept ? &*kept : nullptr,
           .group = group}));
    }
    progress.clear();
    spdlog::info("{}{} on {}: {} ({})", source_.adapter.value_or(name()), at_strength(),
                 work.task.name, result_text(results.back()),
                 is_known ? "from the cache" : since(start));
    if (const std::int64_t cut = results.back().truncated(); cut > 0) {
      spdlog::warn(
          "{}: the model's {} positions are too few for {} of {}; their beginnings were left out",
          work.task.name, work.max_positions, cut,
          counted(std::ssize(results.back().outputs), "prompt"));
    }
  }
  return results;
}

}  // namespace expandft
