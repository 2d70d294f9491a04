#include "model/streamed_decoder.h"

#include "families/model_config.h"
#include "model/loss.h"

namespace expandft {

StreamedDecoder::StreamedDecoder(const ModelDirectory& directory, at::ScalarType dtype,
                                 at::Device device, WeightLoader::Replacement replacement)
    : directory_(directory),
      spec_(read_spec(directory)),
      dtype_(dtype),
      device_(device),
      replacement_(std::move(replacement)) {}

at::Tensor StreamedDecoder::hidden(const TokenTensors& tokens, const MakeMlp& make_mlp) const {
  const c10::NoGradGuard no_grad;
  WeightLoader loader(directory_, spec_, dtype_, device_, replacement_);
  const Attend attend = batch_attention(spec_, tokens, dtype_);
  at::Tensor x = scaled_embedding(loader.embedding_rows(tokens.ids), spec_);
  LayerInputs inputs{own_inputs(spec_, loader.layer_inputs(), tokens.host_ids, x), {}};
  for (std::int64_t i = 0; i < spec_.layers; ++i) {
    const LayerWeights layer = loader.layer(i);
    const std::unique_ptr<Mlp> mlp =
        make_mlp ? make_mlp(i, layer.mlp) : std::make_unique<DenseMlp>(layer.mlp, spec_.activation);
    x = decoder_layer(spec_, i, layer, *mlp, x, attend, inputs);
    directory_.release();
  }
  x = head_input(spec_, x, loader.final_norm());
  loader.head_rows(0, 1);  // checks it and marks it as used
  loader.check_all_used();
  return x;
}

at::Tensor StreamedDecoder::logits(const at::Tensor& hidden, std::int64_t begin,
                                   std::int64_t count) const {
  const c10::NoGradGuard no_grad;
  WeightLoader loader(directory_, spec_, dtype_, device_, replacement_);
  at::Tensor logits = head_logits(hidden, loader.head_rows(begin, count), spec_.logit_softcap);
  directory_.release();
  return logits;
}

}  // namespace expandft
