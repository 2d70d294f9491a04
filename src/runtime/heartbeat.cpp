#include "runtime/heartbeat.h"

#include <array>
#include <cstdint>
#include <exception>
#include <unistd.h>

namespace expandft {
namespace {

using namespace std::chrono_literals;

constexpr auto kBeat = 500ms;
constexpr auto kPatience = 5 * kBeat;

std::string beats_of(int rank) {
  return "beats/" + std::to_string(rank);
}

std::string name_of(int rank) {
  return "name/" + std::to_string(rank);
}

std::vector<std::uint8_t> bytes(const std::string& text) {
  return {text.begin(), text.end()};
}

std::string own_name(int rank) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return "rank " + std::to_string(rank) + " (" + host.data() + ", process " +
         std::to_string(getpid()) + ")";
}

}  // namespace

Heartbeat::Heartbeat(c10::intrusive_ptr<c10d::Store> store, int rank, int count)
    : store_(std::move(store)), rank_(rank), count_(count) {
  store_->set(name_of(rank), bytes(own_name(rank)));
  store_->set(beats_of(rank), bytes("0"));
  thread_ = std::thread([this] { beat(); });
}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    is_ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Heartbeat::beat() {
  std::unique_lock lock(mutex_);
  for (std::uint64_t count = 1; !changed_.wait_for(lock, kBeat, [&] { return is_ended_; });
       ++count) {
    try {
      store_->set(beats_of(rank_), bytes(std::to_string(count)));
    } catch (const std::exception&) {
      return;  // the store is gone; the next operation of the group reports that
    }
  }
}

std::vector<std::string> Heartbeat::silent_ranks() {
  std::vector<std::string> keys;
  for (int rank = 0; rank < count_; ++rank) keys.push_back(beats_of(rank));
  const auto read = [&] {
    const std::lock_guard lock(mutex_);
    return store_->multiGet(keys);
  };
  const auto before = read();
  std::this_thread::sleep_for(kPatience);
  const auto after = read();
  std::vector<std::string> silent;
  for (int rank = 0; rank < count_; ++rank) {
    const auto i = static_cast<std::size_t>(rank);
    if (rank == rank_ || after[i] != before[i]) continue;
    const std::lock_guard lock(mutex_);
    const std::vector<std::uint8_t> name = store_->get(name_of(rank));
    silent.emplace_back(name.begin(), name.end());
  }
  return silent;
}

}  // namespace expandft
