#pragma once

#include "model/decoder.h"

#include <string>
#include <vector>

namespace expandft {

/// Log-probability (nats) of tokens 1 … n-1, each given all before it: n-1 numbers for n ids, which
/// must lie in the vocabulary. More ids than the model has positions are an input error, and so are
/// none; `where` names their source. Failure that names the token when a number is not finite.
std::vector<double> score_tokens(const Decoder& decoder, const std::vector<TokenId>& ids,
                                 const std::string& where);

}  // namespace expandft
