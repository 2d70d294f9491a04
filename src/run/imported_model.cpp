#include "run/imported_model.h"

#include "base/cache_folder.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/hash.h"
#include "gguf/import.h"
#include "run/make_model.h"

#include <chrono>
#include <system_error>
#include <thread>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

/// Part of every import's name. Raised when an import of the same file would be different.
constexpr std::uint64_t kImportFormat = 1;
constexpr Dtype kImportDtype = Dtype::kBF16;

std::string content_hash(const GgufFile& file) {
  Hash hash;
  hash.add(kImportFormat);
  for (const auto& part : file.parts()) hash.add(part->bytes());
  return hash.digits().substr(0, 16);
}

/// Where the import of a file lies, or will lie, in a folder that is there.
fs::path place_of(const GgufFile& file) {
  const auto cache = cache_folder("models");
  const std::string path = file.path().string();
  const std::string hint = "set EXPANDFT_CACHE to a folder, or import the file: expandft import " +
                           path + " --output DIR, and give DIR";
  if (!cache) throw failure("there is no folder to import the GGUF file into", path, hint);
  std::error_code error;
  fs::create_directories(*cache, error);
  if (error) {
    throw failure("cannot create the folder for imports of GGUF files: " + error.message(),
                  cache->string(), hint);
  }
  return *cache / (file.path().stem().string() + "-" + content_hash(file));
}

/// Waits while another process imports the same file.
void wait_for(const fs::path& lock) {
  spdlog::info("waiting for another process that imports the same file");
  while (FileLock(lock, FileLock::Missing::kLeave).state() == FileLock::State::kHeld) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

void import_into(const fs::path& place, const fs::path& model) {
  spdlog::info("{}: importing it once, as bfloat16", model.string());
  const GgufImport import = GgufImport::open(model, kImportDtype);
  for (const Notice& notice : import.notices) spdlog::warn("{}", notice_text(notice));
  import_model(import, {place, AtomicDirectory::Existing::kRefuse, {model}});
}

}  // namespace

fs::path imported_model(const fs::path& model) {
  if (!is_gguf_file(model)) return model;
  const fs::path place = place_of(GgufFile::open(model));
  const fs::path lock = place.string() + ".lock";
  while (!is_folder(place)) {
    FileLock lock_file(lock, FileLock::Missing::kCreate);
    if (lock_file.state() == FileLock::State::kHeld) {
      wait_for(lock);
      continue;
    }
    if (is_folder(place)) break;  // made since it was looked for
    import_into(place, model);
    lock_file.remove();
  }
  spdlog::info("{}: read from its import, {}", model.string(), place.string());
  return place;
}

void import_base(RunConfig& run) {
  run.model_directory = imported_model(run.model);
}

}  // namespace expandft
