#pragma once

#include "base/notice.h"
#include "families/decoder_spec.h"

#include <string>

namespace expandft {

/// How a GGUF file states a model: llama.cpp's name for what it computes, and in which form the
/// tensors are.
struct GgufTarget {
  std::string architecture;        // "llama"
  bool permutes = false;           // rows of queries and keys: neighbours are rotated together
  bool adds_one = false;           // to the weights of norms
  std::int64_t window_period = 0;  // every n-th layer sees everything; 0: no layer is windowed
};

/// Input error, before anything is written, for what llama.cpp's architecture of this family does
/// not compute, or GGUF cannot state: it is named. `where`: the model. What differs in a way that
/// expandft's own reader does not see is added to `notices`.
GgufTarget gguf_target(const DecoderSpec& spec, const std::string& where, Notices& notices);

/// Whether llama.cpp can run this model with layers whose MLPs have different widths (its
/// architecture "deci"); the other architectures take the width of the first layer for all.
bool gguf_holds_widths(const DecoderSpec& spec);

}  // namespace expandft
