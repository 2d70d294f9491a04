#include "growth/symmetry.h"

#include "checkpoint/adapter_directory.h"

#include <map>
#include <string>

#include <ATen/CPUGeneratorImpl.h>

namespace expandft {

void break_symmetry(NamedTensors& tensors, const ExpansionPlan& plan, double noise,
                    std::uint64_t seed) {
  if (plan.copies <= 2 || noise == 0) return;
  std::map<std::string, at::Tensor*> by_name;
  for (auto& [name, tensor] : tensors) by_name[name] = &tensor;
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  for (const std::int64_t layer : plan.layers) {
    std::vector<at::Tensor*> downs;
    for (std::int64_t j = 1; j < plan.copies; ++j) {
      downs.push_back(by_name.at(copy_tensor_name(layer, "down_proj", j, "weight")));
    }
    std::vector<at::Tensor> draws;
    at::Tensor mean;
    for (const at::Tensor* down : downs) {
      draws.push_back(at::randn(down->sizes(), generator, at::TensorOptions().dtype(at::kFloat)));
      mean = mean.defined() ? mean + draws.back() : draws.back();
    }
    mean = mean / static_cast<double>(draws.size());
    for (std::size_t j = 0; j < downs.size(); ++j) {
      const at::Tensor down = downs[j]->to(at::kCPU, at::kFloat);
      const at::Tensor rms = down.square().mean().sqrt();
      *downs[j] = down + (draws[j] - mean) * rms * noise;
    }
  }
}

}  // namespace expandft
