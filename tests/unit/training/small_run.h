#pragma once

#include "golden.h"
#include "growth/expansion.h"
#include "training/adamw.h"

#include <utility>

namespace expandft {

/// A golden model with two expanded layers, and AdamW over their copies.
struct SmallRun {
  explicit SmallRun(const std::string& model = "gqa", const TrainingConfig& training = {},
                    at::ScalarType dtype = at::kFloat)
      : golden(model),
        decoder(Decoder::load(golden.directory(), dtype, at::kCPU)),
        expansion(expand(decoder, plan, initial_tensors(golden.directory(), decoder.spec(), plan),
                         at::kFloat)),
        optimizer(expansion.parameters(), training) {}

  /// A step on random gradients, so that the moments are not 0.
  void random_step() {
    optimizer.zero_grad();
    for (const auto& [name, tensor] : expansion.tensors())
      tensor.grad().copy_(at::randn_like(tensor));
    optimizer.step(1e-2);
  }

  ExpansionPlan plan{{0, 1}, 2};
  Golden golden;
  Decoder decoder;
  Expansion expansion;
  AdamW optimizer;
};

}  // namespace expandft
