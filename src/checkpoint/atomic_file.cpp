#include "checkpoint/atomic_file.h"

#include "base/error.h"

#include <system_error>

namespace expandft {

AtomicFile::AtomicFile(fs::path target) : target_(std::move(target)) {
  remove_dead_partials(target_);
  made_parents_.emplace(parent_of(target_));
  place_.emplace(target_);
}

AtomicFile::~AtomicFile() {
  discard();
}

bool AtomicFile::discard() {
  const std::lock_guard lock(appearing_);
  if (committed_) return false;
  std::error_code ignored;
  fs::remove(path(), ignored);
  place_->release();
  made_parents_.reset();
  return true;
}

void AtomicFile::commit() {
  sync_file(path());
  {
    const std::lock_guard lock(appearing_);
    std::error_code error;
    fs::rename(path(), target_, error);
    if (error) throw failure("cannot rename to it: " + error.message(), target_.string());
    committed_ = true;
  }
  sync_directory(parent_of(target_));
  place_->release();
}

}  // namespace expandft
