#pragma once

#include "training/adamw.h"

#include <map>
#include <span>
#include <string>

namespace expandft {

/// The optimizer's weights and moments as a snapshot has them. Empty on ranks other than rank 0.
inline std::map<std::string, at::Tensor> saved_state(const AdamW& optimizer) {
  std::map<std::string, at::Tensor> out;
  if (!optimizer.group().is_first()) {
    optimizer.send_state();
    return out;
  }
  for (const auto& sources : {optimizer.weights(), optimizer.moments()}) {
    for (const TensorSource& source : sources) {
      const at::Tensor saved = at::empty(source.shape, at::kFloat);
      source.fill(std::span(static_cast<std::byte*>(saved.data_ptr()), saved.nbytes()));
      out.emplace(source.name, saved);
    }
  }
  return out;
}

}  // namespace expandft
