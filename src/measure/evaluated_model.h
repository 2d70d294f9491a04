#pragma once

#include "evaluation/evaluate.h"
#include "report/progress.h"
#include "run/open_model.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// A model that is measured. Its weights are loaded when something has to be computed: cached
/// results need none.
class EvaluatedModel {
 public:
  /// Opens the directory, and reads the tokenizer and the spec.
  EvaluatedModel(ModelSource source, const ProcessOptions& process);

  const std::string& name() const { return source_.model; }
  /// Sets the strength of the adapter, which there must be.
  void set_strength(const Strength& strength);
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const DecoderSpec& spec() const { return spec_; }
  /// Of config.json and the tokenizer.
  Notices notices() const { return joined(spec_.notices, tokenizer_->notices()); }
  const Decoder& decoder();

  /// prepare_tasks, for a model that reads so many positions.
  std::vector<PreparedTask> prepare(const std::vector<TaskConfig>& tasks,
                                    std::int64_t max_positions) const;
  /// The result of each task. Outputs in the cache folder are not computed again, and new ones go
  /// there. The ranks of a group share the work; rank 0 has the cache.
  std::vector<TaskResult> evaluate(const std::vector<PreparedTask>& works,
                                   const std::optional<fs::path>& cache, ProgressLine& progress,
                                   const RankGroup& group);

  /// All that outputs depend on except the work. Files are read the first time only.
  const Json& identity();

 private:
  std::string at_strength() const;  // " at strength 0.5"; "" without an adapter
  void add_adapter_to_identity();

  ModelSource source_;
  ModelDirectory directory_;
  std::unique_ptr<const Tokenizer> tokenizer_;
  DecoderSpec spec_;
  at::Device device_;
  std::vector<TokenId> end_tokens_;
  std::optional<Decoder> decoder_;
  std::unique_ptr<Adaptation> adaptation_;  // of the decoder, where there is an adapter
  Json identity_;                           // null until it is needed
  std::string adapter_fingerprint_;         // empty until it is needed
};

}  // namespace expandft
