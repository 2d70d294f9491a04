#include "config/hub_cache.h"

#include "base/error.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace expandft {
namespace {

constexpr std::string_view kEntryPrefix = "models--";
constexpr const char* kSnapshots = "snapshots";

std::optional<std::string> variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

/// "~/models" and "$NAME/hub" as Python's expanduser and expandvars read them.
std::string expanded(std::string text) {
  if (text == "~" || text.starts_with("~/")) text = variable("HOME").value_or("~") + text.substr(1);
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  std::string out;
  while (!text.empty()) {
    const std::size_t dollar = std::min(text.find('$'), text.size());
    out += text.substr(0, dollar);
    text.erase(0, dollar);
    if (text.empty()) break;
    const bool braces = text.starts_with("${");
    const std::size_t begin = braces ? 2 : 1;
    const std::size_t end = std::min(text.find_first_not_of(kLetters, begin), text.size());
    const bool closed = !braces || (end < text.size() && text[end] == '}');
    const auto value = closed ? variable(text.substr(begin, end - begin)) : std::nullopt;
    const std::size_t length = value ? end + (braces ? 1 : 0) : 1;
    out += value.value_or("$");
    text.erase(0, length);
  }
  return out;
}

/// One of the two parts of a repository's name, as the hub allows them.
bool is_name_part(std::string_view part) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !part.empty() && part.size() <= 96 && part.find_first_not_of(kAllowed) == part.npos &&
         part.front() != '.' && part.front() != '-' && part.back() != '.' && part.back() != '-' &&
         part.find("--") == part.npos && part.find("..") == part.npos;
}

/// A branch, a tag or a commit: a path in refs/ that stays there.
bool is_revision(std::string_view revision) {
  return !revision.empty() && revision.front() != '/' && revision.find("..") == revision.npos &&
         revision.find_first_of(" ~^:?*[\\") == revision.npos;
}

std::optional<HubName> name_of_entry(const fs::path& entry) {
  std::string folder = entry.filename().string();
  if (!folder.starts_with(kEntryPrefix)) return std::nullopt;
  folder.erase(0, kEntryPrefix.size());
  if (const std::size_t at = folder.find("--"); at != folder.npos) folder.replace(at, 2, "/");
  return HubName{folder, ""};
}

fs::path entry_path(const fs::path& cache, const HubName& name) {
  std::string folder = name.repository;
  if (const std::size_t slash = folder.find('/'); slash != folder.npos) {
    folder.replace(slash, 1, "--");
  }
  return cache / (std::string(kEntryPrefix) + folder);
}

std::vector<std::string> snapshots_of(const fs::path& entry) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator item(entry / kSnapshots, error), end; !error && item != end;
       item.increment(error)) {
    if (is_folder(item->path())) names.push_back(item->path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

/// The commit that refs/REVISION holds; nothing where there is no such file.
std::optional<std::string> commit_of(const fs::path& entry, const std::string& revision) {
  const fs::path file = entry / "refs" / revision;
  if (!is_file(file)) return std::nullopt;
  std::string commit = read_file(file);
  commit.erase(std::min(commit.find_first_of(" \t\r\n"), commit.size()));
  return commit;
}

std::string list_of(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

/// The snapshot of an entry that the revision means.
fs::path snapshot(const fs::path& entry, const HubName& name) {
  const std::vector<std::string> there = snapshots_of(entry);
  const std::string& revision = name.revision;
  const auto commit = commit_of(entry, revision.empty() ? "main" : revision);
  const std::string wanted = commit.value_or(revision);
  if (std::ranges::find(there, wanted) != there.end()) return entry / kSnapshots / wanted;
  if (there.empty()) {
    throw input_error("the cache entry has no snapshot: no download was finished", entry.string(),
                      "download it: " + name.download_command());
  }
  if (!wanted.empty()) {
    throw input_error("the cache has no snapshot " + wanted +
                          (commit && !revision.empty() ? " (" + revision + ")"
                           : commit                    ? " (main)"
                                                       : "") +
                          ", only " + list_of(there),
                      entry.string(), "download it: " + name.download_command());
  }
  if (there.size() == 1) return entry / kSnapshots / there.front();
  throw input_error("the cache entry has " + std::to_string(there.size()) +
                        " snapshots, and no refs/main to choose one: " + list_of(there),
                    entry.string(),
                    "give one of them: " + name.repository + "@REVISION, or its folder");
}

bool has_unfinished_files(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator item(folder, error), end; !error && item != end;
       item.increment(error)) {
    if (item->path().extension() == ".incomplete") return true;
  }
  return false;
}

}  // namespace

std::optional<HubName> HubName::parse(std::string_view text) {
  HubName name;
  if (const std::size_t at = text.find('@'); at != text.npos) {
    if (!is_revision(text.substr(at + 1))) return std::nullopt;
    name.revision = text.substr(at + 1);
    text = text.substr(0, at);
  }
  const std::size_t slash = text.find('/');
  if (!is_name_part(text.substr(0, slash))) return std::nullopt;
  if (slash != text.npos && !is_name_part(text.substr(slash + 1))) return std::nullopt;
  name.repository = text;
  return name;
}

std::string HubName::text() const {
  return revision.empty() ? repository : repository + "@" + revision;
}

std::string HubName::download_command() const {
  return "hf download " + repository + (revision.empty() ? "" : " --revision " + revision);
}

std::optional<fs::path> hub_cache_folder() {
  for (const char* const name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const auto value = variable(name)) return expanded(*value);
  }
  if (const auto home = variable("HF_HOME")) return fs::path(expanded(*home)) / "hub";
  if (const auto caches = variable("XDG_CACHE_HOME")) {
    return fs::path(expanded(*caches)) / "huggingface/hub";
  }
  if (const auto home = variable("HOME")) return fs::path(*home) / ".cache/huggingface/hub";
  return std::nullopt;
}

fs::path find_model(const std::string& name, const fs::path& path) {
  if (is_there(path)) {
    const fs::path plain = without_trailing_separator(path);
    const auto cached = name_of_entry(plain);
    return cached && is_folder(plain / kSnapshots) ? snapshot(plain, *cached) : path;
  }
  const auto hub = HubName::parse(name);
  if (!hub) return path;
  const auto cache = hub_cache_folder();
  const fs::path entry = cache ? entry_path(*cache, *hub) : fs::path();
  if (cache && is_folder(entry)) return snapshot(entry, *hub);
  if (hub->repository.find('/') == std::string::npos) return path;  // hardly a hub name
  throw input_error(
      "there is no such folder, and no model of that name in the Hugging Face cache" +
          (cache ? ", " + cache->string() : std::string()),
      name,
      "check the path; or, if it is a model of the hub, download it: " + hub->download_command());
}

std::optional<fs::path> hub_cache_entry(const fs::path& path) {
  std::error_code error;
  fs::path at = fs::canonical(path, error);
  if (error) return std::nullopt;
  for (; at.has_relative_path(); at = at.parent_path()) {
    if (at.parent_path().filename() == kSnapshots) return at.parent_path().parent_path();
  }
  return std::nullopt;
}

std::string model_name(const fs::path& path) {
  const auto entry = hub_cache_entry(path);
  const auto name = entry ? name_of_entry(*entry) : std::nullopt;
  std::error_code error;
  // A folder in a snapshot has no name of its own.
  const bool is_snapshot = name && fs::canonical(path, error).parent_path() == *entry / kSnapshots;
  return is_snapshot ? name->text() : path.string();
}

std::string model_name_and_path(const fs::path& path) {
  const std::string name = model_name(path);
  return name == path.string() ? name : name + " (" + path.string() + ")";
}

std::string download_hint(const fs::path& directory) {
  const auto entry = hub_cache_entry(directory);
  const auto name = entry ? name_of_entry(*entry) : std::nullopt;
  const fs::path under_way = entry ? *entry / "blobs" : directory / ".cache/huggingface/download";
  return std::string(has_unfinished_files(under_way) ? "a download of the model was not finished"
                                                     : "the model is incomplete") +
         ": download it again" + (name ? ", " + name->download_command() : "");
}

}  // namespace expandft
