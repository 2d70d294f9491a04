#include "growth/mlp_tensors.h"

namespace expandft {

std::map<std::string, MlpTensor> mlp_tensors(const DecoderSpec& spec) {
  std::map<std::string, MlpTensor> out;
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    const auto add = [&](const std::string& tensor, const std::vector<std::string>& projections,
                         const std::string& part) {
      out[spec.names.layer(i, "mlp." + tensor + "." + part)] = {i, projections, part};
    };
    for (const std::string part : {"weight", "bias"}) {
      if (spec.fused_projections) {
        add("gate_up_proj", {"gate_proj", "up_proj"}, part);
      } else {
        add("gate_proj", {"gate_proj"}, part);
        add("up_proj", {"up_proj"}, part);
      }
    }
    add("down_proj", {"down_proj"}, "weight");
  }
  return out;
}

}  // namespace expandft
