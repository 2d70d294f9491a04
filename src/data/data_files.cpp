#include "data/data_files.h"

#include "base/error.h"

#include <algorithm>
#include <fnmatch.h>
#include <string>
#include <system_error>

namespace expandft {
namespace {

bool is_hidden(const fs::path& path) {
  return path.filename().native().starts_with('.');
}

bool is_pattern(const fs::path& path) {
  return path.native().find_first_of("*?[") != std::string::npos;
}

Error unreadable(const fs::path& folder, const std::error_code& error) {
  return input_error("cannot read the folder " + folder.string() + ": " + error.message());
}

void add_files_below(const fs::path& folder, std::vector<fs::path>& files) {
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error), end;
  for (; !error && entry != end; entry.increment(error)) {
    const fs::path& path = entry->path();
    if (is_hidden(path)) {
      entry.disable_recursion_pending();
    } else if (is_file(path) && data_form(path)) {
      files.push_back(path);
    }
  }
  if (error) throw unreadable(folder, error);
}

/// Adds the matches of the pattern from `part` on, below `base`.
void add_matches(const fs::path& base, fs::path::const_iterator part,
                 const fs::path::const_iterator& end, std::vector<fs::path>& files) {
  if (part == end) {
    if (is_file(base)) files.push_back(base);
    return;
  }
  const fs::path name = *part++;
  // A name in the pattern may contain brackets itself, so one that exists as written is used.
  if (!is_pattern(name) || is_there(base / name)) {
    add_matches(base / name, part, end, files);
    return;
  }
  if (!is_folder(base)) return;
  std::error_code error;
  fs::directory_iterator entry(base, error), last;
  for (; !error && entry != last; entry.increment(error)) {
    const fs::path found = entry->path().filename();
    if (::fnmatch(name.c_str(), found.c_str(), FNM_PERIOD) == 0) {
      add_matches(base / found, part, end, files);
    }
  }
  if (error) throw unreadable(base, error);
}

}  // namespace

std::optional<DataForm> data_form(const fs::path& file) {
  const std::string ending =
      (file.extension() == ".gz" ? file.stem() : file.filename()).extension().string();
  if (ending == ".jsonl" || ending == ".json") return DataForm::kJsonLines;
  if (ending == ".txt" || ending == ".text" || ending == ".md") return DataForm::kPlainText;
  return std::nullopt;
}

std::vector<fs::path> find_data_files(const fs::path& path) {
  std::vector<fs::path> files;
  if (is_folder(path)) {
    add_files_below(path, files);
    if (files.empty()) {
      throw input_error("no data in the folder " + path.string() + ": expected " + kDataEndings);
    }
  } else if (is_there(path)) {
    files.push_back(path);
  } else if (is_pattern(path)) {
    add_matches({}, path.begin(), path.end(), files);
    if (files.empty()) throw input_error("no file matches " + path.string());
  } else {
    throw input_error("no such file: " + path.string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace expandft
