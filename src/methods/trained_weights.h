#pragma once

#include "model/adaptation.h"
#include "model/decoder.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace expandft {

/// A decoder some of whose own weights train, in fp32 in place of the base's. The base's are kept
/// beside them (on a CPU mapped from the file, where its dtype allows): at strength s a weight is
/// base + s·(trained − base).
class TrainedWeights final : public Adaptation {
 public:
  /// A copy of `initial` that trains. At strength 0 it is `origin`; undefined: strength leaves it
  /// alone. `depth`: its place on a strength that is a line, from 0 (the first layer) to 1.
  at::Tensor add(std::string name, const at::Tensor& initial, const at::Tensor& origin,
                 double depth);

  std::vector<Parameter> parameters() const override { return parameters_; }
  void set_strength(const Strength& strength) const override;

 private:
  std::vector<Parameter> parameters_;
  std::vector<at::Tensor> origins_;          // of each; may be undefined
  std::vector<double> depths_;               // of each
  mutable std::vector<at::Tensor> trained_;  // of each, while the strength is not 1
  mutable Strength strength_;
};

/// Full fine-tuning: every weight of the decoder trains.
std::unique_ptr<TrainedWeights> train_all_weights(Decoder& decoder);

/// The weights of the last `count` layers train; input error when there are fewer.
std::unique_ptr<TrainedWeights> train_last_layers(Decoder& decoder, std::int64_t count);

/// Where a layer of a lengthened model comes from.
struct LayerOrigin {
  std::int64_t layer = 0;  // of the base
  bool is_added = false;   // a copy of it that was added, and trained
};

/// LLaMA-Pro (arXiv 2401.02415): after each of `layers` (ascending) comes a copy of it that begins
/// as the identity, and trains. Its o_proj and down_proj begin at zero; in families that norm the
/// output of their blocks, the factors of those norms do.
std::unique_ptr<TrainedWeights> add_layers(Decoder& decoder,
                                           const std::vector<std::int64_t>& layers);
/// The layers of the model that add_layers makes, in order.
std::vector<LayerOrigin> lengthened(std::int64_t base_layers,
                                    const std::vector<std::int64_t>& layers);

}  // namespace expandft
