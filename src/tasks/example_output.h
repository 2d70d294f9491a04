#pragma once

#include "base/json.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// How likely a model finds a continuation.
struct Likelihood {
  double log_prob = 0;      // nats
  std::int64_t tokens = 0;  // of the continuation
  bool greedy = false;      // whether each token is the most likely at its position
  bool operator==(const Likelihood&) const = default;
};

/// A model's output for one example: all that metrics are computed from.
struct ExampleOutput {
  std::vector<Likelihood>
      likelihoods;         // in the order of the example's texts; perplexity: the block
  std::string text;        // what the model wrote
  std::int64_t bytes = 0;  // perplexity: of the block's predicted tokens
  bool truncated = false;  // the prompt lost its start to fit the model

  /// Sums over the likelihoods.
  double log_prob() const;
  std::int64_t tokens() const;

  bool operator==(const ExampleOutput&) const = default;
};

/// One for each item of a batch, in its order.
using BatchOutputs = std::vector<ExampleOutput>;

/// [{"likelihoods": [[log_prob, tokens, greedy]], "text"}]. The other members do not depend on the
/// model.
Json outputs_json(const BatchOutputs& outputs);
/// Throws Json::exception if the JSON does not have the form that outputs_json writes.
BatchOutputs parse_outputs(const Json& json);

}  // namespace expandft
