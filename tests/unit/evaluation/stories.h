#pragma once

#include "checkpoint/model_directory.h"
#include "model/decoder.h"
#include "tokenizer/tokenizer.h"

#include <memory>

namespace expandft {

/// The small model that data/ ships: 260 K parameters, 512 tokens, 512 positions.
struct Stories {
  std::unique_ptr<const Tokenizer> tokenizer = Tokenizer::load(folder());
  Decoder decoder = Decoder::load(ModelDirectory::open(folder()), at::kFloat, at::kCPU);

  static fs::path folder() { return fs::path(EXPANDFT_DATA) / "stories260K"; }
};

}  // namespace expandft
