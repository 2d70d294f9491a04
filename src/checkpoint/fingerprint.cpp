#include "base/error.h"
#include "base/hex.h"
#include "checkpoint/model_directory.h"

#include <memory>
#include <new>

#include <nlohmann/json.hpp>
#include <xxhash.h>

namespace expandft {
namespace {

/// XXH3-128 over parts; each part is preceded by its length, so that parts cannot run together.
class Hash {
 public:
  Hash() : state_(XXH3_createState(), &XXH3_freeState) {
    if (state_ == nullptr) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
  }

  void add(std::span<const std::byte> bytes) {
    add(bytes.size());
    if (!bytes.empty()) XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
  }
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  void add(std::uint64_t number) { XXH3_128bits_update(state_.get(), &number, sizeof number); }

  std::string hex() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
    return expandft::hex(canonical.digest);
  }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

}  // namespace

std::string ModelDirectory::fingerprint() const {
  if (!fingerprint_.empty()) return fingerprint_;
  Hash hash;
  hash.add(nlohmann::json(config_).dump());  // nlohmann::json sorts its keys
  for (const auto& [name, view] : tensors_) {
    hash.add(name);
    hash.add(safetensors_name(view.dtype));
    hash.add(std::uint64_t{view.shape.size()});
    for (const std::int64_t size : view.shape) hash.add(static_cast<std::uint64_t>(size));
    hash.add(view.bytes);
  }
  return fingerprint_ = hash.hex();
}

}  // namespace expandft
