#pragma once

#include "training/adamw.h"

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace expandft {

/// An optimizer's moments as a snapshot gets them; on ranks past the first none.
inline NamedTensors saved_moments(const AdamW& optimizer) {
  NamedTensors out;
  if (!optimizer.group().is_first()) {
    optimizer.send_moments();
    return out;
  }
  for (const TensorSource& source : optimizer.moments()) {
    const at::Tensor moment = at::empty(source.shape, at::kFloat);
    source.fill(std::span(static_cast<std::byte*>(moment.data_ptr()), moment.nbytes()));
    out.emplace_back(source.name, moment);
  }
  return out;
}

}  // namespace expandft
