#pragma once

#include "model/decoder.h"
#include "tasks/outputs.h"
#include "tasks/prompt_encoder.h"

#include <vector>

namespace expandft {

/// Requests that are computed as one: what they share at their beginning is computed once.
using RequestGroup = std::vector<TokenRequest>;

/// How likely each request's continuation is after its context, in one forward pass; the groups'
/// results in order. Log-probabilities are made in fp32 and added up in double.
std::vector<std::vector<Likelihood>> likelihoods(const Decoder& decoder,
                                                 const std::vector<const RequestGroup*>& groups);

}  // namespace expandft
