#include "runtime/rank_group.h"

#include "base/error.h"
#include "runtime/collectives.h"
#include "runtime/heartbeat.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

#include <c10/util/Logging.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace expandft {
namespace {

constexpr const char* kRestart =
    "see what that rank wrote last. torchrun --max-restarts starts all ranks again, and with "
    "--resume they continue from the last snapshot";

/// The first line of a message of LibTorch, which may contain a backtrace.
std::string first_line(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

/// LibTorch would log the errors that are reported here a second time, with backtraces: it does so
/// only with TORCH_CPP_LOG_LEVEL.
void set_torch_logging() {
  if (std::getenv("TORCH_CPP_LOG_LEVEL") != nullptr) return c10::initLogging();
  FLAGS_caffe2_log_level = 3;  // fatal
}

}  // namespace

struct RankGroup::Connection {
  c10::intrusive_ptr<c10d::Backend> backend;
  std::optional<Heartbeat> heartbeat;

  /// The error to throw for a failed operation.
  Error lost(const std::exception& error) {
    std::vector<std::string> silent;
    try {
      silent = heartbeat->silent_ranks();
    } catch (const std::exception&) {
      return failure("the process that the ranks met at is gone: " + first_line(error), "",
                     "it was torchrun's, or rank 0: see what it wrote last");
    }
    if (silent.empty()) {
      return failure("the ranks cannot talk to each other: " + first_line(error), "",
                     "a rank may have waited for the others for too long (--rank-timeout), or the "
                     "network failed");
    }
    return failure(
        fmt::format("{} {} gone", fmt::join(silent, ", "), silent.size() == 1 ? "is" : "are"), "",
        kRestart);
  }
};

RankGroup::RankGroup() = default;

RankGroup::RankGroup(const RankEnvironment& environment, at::Device device,
                     std::chrono::milliseconds timeout)
    : environment_(environment), device_(device) {
  if (is_alone()) return;
  set_torch_logging();
  const std::string place =
      fmt::format("{}:{}", environment.master_address, environment.master_port);
  try {
    c10d::TCPStoreOptions options;
    options.port = environment.master_port;
    options.isServer = is_first() && !environment.is_served;
    options.waitWorkers = false;
    options.timeout = timeout;
    const auto connect = [&](const char* prefix) {
      auto store = c10::make_intrusive<c10d::TCPStore>(environment.master_address, options);
      options.isServer = false;  // one is enough
      return c10::make_intrusive<c10d::PrefixStore>(
          fmt::format("expandft/{}/{}", environment.attempt, prefix), std::move(store));
    };
    connection_ = std::make_unique<Connection>();
    const auto store = connect("group");
    connection_->heartbeat.emplace(connect("life"), rank(), count());
    connection_->backend = make_backend(store, environment, device, timeout);
    texts("");  // waits for all ranks
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw failure(
        fmt::format("rank {} of {} cannot meet the others: {}", rank(), count(), first_line(error)),
        place,
        "all ranks must be started, and reach MASTER_ADDR and MASTER_PORT; for ranks on "
        "a CPU, GLOO_SOCKET_IFNAME names the network interface");
  }
  spdlog::info("rank {} of {}, met at {}", rank(), count(), place);
}

RankGroup::~RankGroup() = default;

const RankGroup& RankGroup::alone() {
  static const RankGroup group;
  return group;
}

template <typename Call>
void RankGroup::run(Call call) const {
  try {
    call(*connection_->backend)->wait();
  } catch (const std::exception& error) {
    throw connection_->lost(error);
  }
}

void RankGroup::sum(const at::Tensor& tensor) const {
  if (is_alone()) return;
  std::vector<at::Tensor> tensors = {tensor};
  run([&](c10d::Backend& backend) { return backend.allreduce(tensors); });
}

template <typename Call>
std::function<void()> RankGroup::start(Call call) const {
  try {
    return
        [this, work = call(*connection_->backend)] { run([&](c10d::Backend&) { return work; }); };
  } catch (const std::exception& error) {
    throw connection_->lost(error);
  }
}

std::function<void()> RankGroup::start_sum_at(int owner, const at::Tensor& tensor) const {
  if (is_alone()) return [] {};
  std::vector<at::Tensor> tensors = {tensor};
  c10d::ReduceOptions options;
  options.rootRank = owner;
  return start([&](c10d::Backend& backend) { return backend.reduce(tensors, options); });
}

std::function<void()> RankGroup::start_gather(const at::Tensor& own,
                                              const at::Tensor& whole) const {
  if (is_alone()) {
    whole.copy_(own);
    return [] {};
  }
  // As bytes, so that it works with any dtype.
  at::Tensor to = whole.view(at::kByte), from = own.view(at::kByte);
  return start([&](c10d::Backend& backend) { return backend._allgather_base(to, from); });
}

void RankGroup::share(const at::Tensor& tensor, int owner) const {
  if (is_alone()) return;
  std::vector<at::Tensor> tensors = {tensor};
  c10d::BroadcastOptions options;
  options.rootRank = owner;
  run([&](c10d::Backend& backend) { return backend.broadcast(tensors, options); });
}

std::vector<std::string> RankGroup::texts(const std::string& own) const {
  if (is_alone()) return {own};
  const auto count = static_cast<std::size_t>(this->count());
  const auto longs = at::TensorOptions().dtype(at::kLong);
  at::Tensor sizes = at::zeros({this->count()}, longs);
  sizes[rank()] = static_cast<std::int64_t>(own.size());
  sizes = sizes.to(device_);
  sum(sizes);
  sizes = sizes.cpu();
  std::vector<std::string> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto owner = static_cast<int>(i);
    at::Tensor bytes = at::zeros({sizes[owner].item<std::int64_t>()}, longs.dtype(at::kByte));
    if (owner == rank() && !own.empty()) std::memcpy(bytes.data_ptr(), own.data(), own.size());
    bytes = bytes.to(device_);
    if (bytes.numel() > 0) share(bytes, owner);
    bytes = bytes.cpu();
    out[i].assign(static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes());
  }
  return out;
}

std::string RankGroup::text_of_first(const std::string& own) const {
  return texts(is_first() ? own : "").front();
}

}  // namespace expandft
