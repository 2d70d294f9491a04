#pragma once

namespace expandft {

/// How much each target of the training data counts in the loss: docs/method.md#token-weights.
enum class TokenWeights { kNone, kEaft, kDft, kStm };

}  // namespace expandft
