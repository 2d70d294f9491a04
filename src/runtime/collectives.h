#pragma once

#include "runtime/rank_environment.h"

#include <chrono>

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace expandft {

/// The c10d backend for tensors on `device`: on a GPU NCCL, from the GPU plugin; on a CPU Gloo,
/// over the network interface towards the master or the one in GLOO_SOCKET_IFNAME. Failure when the
/// build has no such backend.
c10::intrusive_ptr<c10d::Backend> make_backend(const c10::intrusive_ptr<c10d::Store>& store,
                                               const RankEnvironment& environment,
                                               at::Device device,
                                               std::chrono::milliseconds timeout);

/// This machine's address on the interface that leads to `host`.
std::string address_towards(const std::string& host, std::uint16_t port);

}  // namespace expandft
