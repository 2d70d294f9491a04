#pragma once

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>

namespace expandft::fuzz {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Calls `read`. It must succeed or throw an input error whose text can be printed.
template <typename Read>
void expect_input_error(Read read) {
  try {
    read();
  } catch (const Error& error) {
    if (error.code() != ExitCode::kBadInput || error.message().empty()) std::abort();
    Json(error.what()).dump();  // throws on invalid UTF-8
  }
}

/// This process's folder for targets that read files; in memory, if the system has a place for
/// that.
class Folder {
 public:
  Folder() {
    const char* const place = is_folder("/dev/shm") ? "/dev/shm" : "/tmp";
    std::string name = std::string(place) + "/expandft-fuzz-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const fs::path& path() const { return path_; }
  fs::path write(const std::string& name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path_ / name;
  }

 private:
  fs::path path_;
};

}  // namespace expandft::fuzz
