#pragma once

#include "model/decoder_layer.h"

#include <functional>
#include <memory>

#include <ATen/ATen.h>

namespace expandft {

/// A decoder that stays in its files. Each layer is loaded, used and dropped, and so are pieces of
/// the embedding and the head: a model of any depth is computed in the memory of one layer. Every
/// call reads the weights again, so this is for few calls. The numbers are those of a Decoder with
/// the same dtype. No gradients. The directory must outlive it.
class StreamedDecoder {
 public:
  /// Makes a layer's MLP of its weights.
  using MakeMlp = std::function<std::unique_ptr<Mlp>(std::int64_t layer, const MlpWeights&)>;

  /// Errors as read_spec's; those of the weights come when they are used. `replacement`: tensors
  /// that stand in the place of the files'.
  StreamedDecoder(const ModelDirectory& directory, at::ScalarType dtype, at::Device device,
                  WeightLoader::Replacement replacement = {});

  const DecoderSpec& spec() const { return spec_; }
  /// The last hidden states, after the final norm: (N, h). `make_mlp`: where the MLPs are not the
  /// checkpoint's own. Input error when the decoder has tensors that are of no use to it.
  at::Tensor hidden(const TokenTensors& tokens, const MakeMlp& make_mlp = {}) const;
  /// Logits of a part of the vocabulary, [begin, begin + count): (M, h) -> (M, count).
  at::Tensor logits(const at::Tensor& hidden, std::int64_t begin, std::int64_t count) const;

 private:
  const ModelDirectory& directory_;
  DecoderSpec spec_;
  at::ScalarType dtype_;
  at::Device device_;
  WeightLoader::Replacement replacement_;
};

}  // namespace expandft
