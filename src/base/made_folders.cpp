#include "base/made_folders.h"

#include "base/error.h"

#include <system_error>

namespace expandft {

MadeFolders::MadeFolders(const fs::path& folder) {
  try {
    make(folder);
  } catch (...) {
    remove_empty();
    throw;
  }
}

MadeFolders::~MadeFolders() {
  remove_empty();
}

void MadeFolders::make(const fs::path& folder) {
  if (is_folder(folder)) return;
  if (const fs::path parent = parent_of(folder); parent != folder) make(parent);
  std::error_code error;
  const bool is_new = fs::create_directory(folder, error);
  if (error) throw failure("cannot create the folder: " + error.message(), folder.string());
  if (!is_new) return;
  made_.push_back(folder);
  sync_directory(parent_of(folder));
}

void MadeFolders::remove_empty() {
  std::error_code ignored;
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) fs::remove(*folder, ignored);
}

}  // namespace expandft
