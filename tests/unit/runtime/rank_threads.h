#pragma once

#include "runtime/rank_group.h"

#include <arpa/inet.h>
#include <cstdlib>
#include <future>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace expandft::testing {

/// Turns off c10d's flight recorder, which is not safe with several ranks in one process.
inline const int kFlightRecorderOff = setenv("TORCH_FR_BUFFER_SIZE", "0", /*overwrite=*/1);

/// A port on which nothing listens.
inline std::uint16_t free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  bind(descriptor, generic, size);
  getsockname(descriptor, generic, &size);
  close(descriptor);
  return ntohs(address.sin_port);
}

/// Runs the ranks of a group as threads of this process: calls work(group) in each, and returns
/// their results in order. Rethrows what one threw. `work` must not use Catch's assertions, which
/// work in one thread only.
template <typename Work>
auto as_ranks(int count, Work work) {
  const std::uint16_t port = free_port();
  std::vector<std::future<decltype(work(RankGroup::alone()))>> ranks;
  for (int rank = 0; rank < count; ++rank) {
    ranks.push_back(std::async(std::launch::async, [=] {
      const RankGroup group({.rank = rank,
                             .count = count,
                             .local_rank = rank,
                             .master_address = "127.0.0.1",
                             .master_port = port,
                             .is_served = false,
                             .attempt = "test"},
                            at::kCPU, std::chrono::seconds(60));
      auto result = work(group);
      group.texts("");  // rank 0 hosts the store until all are done
      return result;
    }));
  }
  std::vector<decltype(work(RankGroup::alone()))> results;
  for (auto& rank : ranks) results.push_back(rank.get());
  return results;
}

}  // namespace expandft::testing
