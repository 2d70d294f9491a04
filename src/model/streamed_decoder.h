#pragma once

#include "model/decoder_layer.h"

#include <functional>
#include <memory>

#include <ATen/ATen.h>

namespace expandft {

/// A decoder that stays in its files: each layer, and each piece of the embedding and the head, is
/// loaded, used and dropped, so a model of any depth runs in the memory of one layer. Every call
/// reads the weights again, so use it for few calls. Results equal those of a Decoder with the same
/// dtype. No gradients. The directory must outlive it.
class StreamedDecoder {
 public:
  /// Makes a layer's MLP from its weights.
  using MakeMlp = std::function<std::unique_ptr<Mlp>(std::int64_t layer, const MlpWeights&)>;

  /// Errors as read_spec; errors in the weights are thrown when they are used. `replacement`:
  /// tensors to use instead of those in the files.
  StreamedDecoder(const ModelDirectory& directory, at::ScalarType dtype, at::Device device,
                  WeightLoader::Replacement replacement = {});

  const DecoderSpec& spec() const { return spec_; }
  /// The last hidden states, after the final norm: (N, h). `make_mlp` replaces the checkpoint's
  /// MLPs. Input error when the files hold decoder tensors that nothing uses.
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
