#pragma once

#include "runtime/rank_environment.h"

#include <chrono>

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace expandft {

/// c10d's backend for tensors on `device`: NCCL for a GPU, by the GPU plugin; Gloo for a CPU, over
/// the network interface that leads to the master, or that GLOO_SOCKET_IFNAME names. Failures: the
/// build has it not.
c10::intrusive_ptr<c10d::Backend> make_backend(const c10::intrusive_ptr<c10d::Store>& store,
                                               const RankEnvironment& environment,
                                               at::Device device,
                                               std::chrono::milliseconds timeout);

/// The address of this machine from which `host` is reached.
std::string address_towards(const std::string& host, std::uint16_t port);

}  // namespace expandft
