#pragma once

#include "base/json.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// What a model makes of one text.
struct Likelihood {
  double log_prob = 0;      // nats, of the continuation
  std::int64_t tokens = 0;  // of the continuation
  bool greedy = false;      // whether each of its tokens is the likeliest in its place
  bool operator==(const Likelihood&) const = default;
};

/// What a model makes of one example: all that metrics are computed from.
struct ExampleOutput {
  std::vector<Likelihood>
      likelihoods;         // in the order of the example's texts; perplexity: the block
  std::string text;        // what it wrote
  std::int64_t bytes = 0;  // perplexity: of the block's predicted tokens
  bool truncated = false;  // the beginning of a prompt did not fit the model

  /// Of all its likelihoods: nats, and how many tokens these are of.
  double log_prob() const;
  std::int64_t tokens() const;

  bool operator==(const ExampleOutput&) const = default;
};

/// Of the examples of a batch, in its order.
using BatchOutputs = std::vector<ExampleOutput>;

/// Of each: {"likelihoods": [[log_prob, tokens, greedy]], "text"}. The rest is the work's to say.
Json outputs_json(const BatchOutputs& outputs);
/// Throws an exception of Json's when it is not what outputs_json makes.
BatchOutputs parse_outputs(const Json& json);

}  // namespace expandft
