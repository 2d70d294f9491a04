#include "runtime/collectives.h"

#include "base/error.h"
#include "runtime/cuda_plugin.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <netdb.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#ifdef USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif

namespace expandft {

std::string address_towards(const std::string& host, std::uint16_t port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_DGRAM;  // connecting one sends nothing
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found)) {
    throw input_error(std::string("the host cannot be found: ") + gai_strerror(error), host,
                      "see MASTER_ADDR");
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  for (const addrinfo* to = found; to != nullptr; to = to->ai_next) {
    const int descriptor = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC, to->ai_protocol);
    if (descriptor < 0) continue;
    sockaddr_storage own = {};
    socklen_t size = sizeof own;
    auto* const address = reinterpret_cast<sockaddr*>(&own);
    std::array<char, 256> text{};
    const bool is_known =
        connect(descriptor, to->ai_addr, to->ai_addrlen) == 0 &&
        getsockname(descriptor, address, &size) == 0 &&
        getnameinfo(address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0;
    close(descriptor);
    if (is_known) return text.data();
  }
  throw failure("no network interface of this machine leads there", host, "see MASTER_ADDR");
}

namespace {

c10::intrusive_ptr<c10d::Backend> make_nccl(const c10::intrusive_ptr<c10d::Store>& store,
                                            const RankEnvironment& environment,
                                            std::chrono::milliseconds timeout) {
  using Make = c10d::Backend*(c10d::Store*, int rank, int count, std::int64_t timeout_ms);
  auto* const make = reinterpret_cast<Make*>(cuda_plugin_symbol("expandft_make_nccl"));
  if (make == nullptr) {
    throw failure("this build has no NCCL: several ranks cannot work together on GPUs", "",
                  "build the GPU plugin where NCCL's header is; LibTorch's CUDA wheel brings it");
  }
  return c10::intrusive_ptr<c10d::Backend>::reclaim(
      make(store.get(), environment.rank, environment.count, timeout.count()));
}

#ifdef USE_C10D_GLOO
c10::intrusive_ptr<c10d::Backend> make_gloo(const c10::intrusive_ptr<c10d::Store>& store,
                                            const RankEnvironment& environment,
                                            std::chrono::milliseconds timeout) {
  const auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  const char* const interface = std::getenv("GLOO_SOCKET_IFNAME");
  options->devices.push_back(interface != nullptr
                                 ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                 : c10d::ProcessGroupGloo::createDeviceForHostname(address_towards(
                                       environment.master_address, environment.master_port)));
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, environment.rank, environment.count,
                                                     options);
}
#else
c10::intrusive_ptr<c10d::Backend> make_gloo(const c10::intrusive_ptr<c10d::Store>&,
                                            const RankEnvironment&, std::chrono::milliseconds) {
  throw failure("this build has no Gloo: several ranks can work together on GPUs only", "",
                "build it where Gloo's headers are (Debian: libgloo-dev)");
}
#endif

}  // namespace

c10::intrusive_ptr<c10d::Backend> make_backend(const c10::intrusive_ptr<c10d::Store>& store,
                                               const RankEnvironment& environment,
                                               at::Device device,
                                               std::chrono::milliseconds timeout) {
  return device.is_cpu() ? make_gloo(store, environment, timeout)
                         : make_nccl(store, environment, timeout);
}

}  // namespace expandft
