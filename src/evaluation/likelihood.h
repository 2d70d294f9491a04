#pragma once

#include "model/decoder.h"
#include "tasks/example_output.h"
#include "tasks/prompt_encoder.h"

#include <string>
#include <vector>

namespace expandft {

/// Requests that are computed together: their common beginning is computed once.
using RequestGroup = std::vector<TokenRequest>;

/// How likely each request's continuation is after its context, for each group in order, in one
/// forward pass. Log-probabilities are computed in fp32 and summed in double.
std::vector<std::vector<Likelihood>> likelihoods(const Decoder& decoder,
                                                 const std::vector<const RequestGroup*>& groups);

/// The log-probability (nats) of each of tokens 1 … n−1 given all tokens before it: n−1 numbers for
/// n ids of the vocabulary. Input error when there are none, or more than the model has positions;
/// `where` names their source. Failure that names the token when a number is not finite.
std::vector<double> score_tokens(const Decoder& decoder, const std::vector<TokenId>& ids,
                                 const std::string& where);

}  // namespace expandft
