#pragma once

#include "base/files.h"

#include <cstdint>
#include <optional>
#include <string>

#include <ATen/ATen.h>

namespace expandft {

/// What the system can still give this process without swapping, in bytes, when all pages of files
/// leave its memory: MemAvailable, or less where a control group (version 1 or 2) or one around it
/// has a limit. Nothing where /proc cannot be read. `root` stands for "/".
std::optional<std::int64_t> free_host_bytes(const fs::path& root = "/");

/// Pages of files, mapped weights and libraries among them, that this process has in memory, in
/// bytes: free_host_bytes counts them as free, and they are needed again. 0 if that is not known.
std::int64_t resident_file_bytes(const fs::path& root = "/");

/// Free memory of a GPU, in bytes, what LibTorch has reserved there and not in use included.
/// Nothing where it does not say.
std::optional<std::int64_t> free_gpu_bytes(at::Device device);

/// Tells the machine of this process from others until its next start. Empty if that is not known.
std::string machine_id();

}  // namespace expandft
