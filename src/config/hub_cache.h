#pragma once

#include "base/files.h"

#include <optional>
#include <string>
#include <string_view>

namespace expandft {

/// A model of the Hugging Face hub: "org/name" or "org/name@revision"; the oldest have no "org/".
struct HubName {
  std::string repository, revision;  // "" when not stated: the main branch

  /// nothing where the text cannot be a hub name; it may still be a path.
  static std::optional<HubName> parse(std::string_view text);
  std::string text() const;
  /// "hf download org/name"
  std::string download_command() const;
};

/// The cache on this machine, by the environment variables that huggingface_hub 2.4 reads:
/// HF_HUB_CACHE, else HUGGINGFACE_HUB_CACHE, else hub/ in HF_HOME, else huggingface/hub in
/// XDG_CACHE_HOME or ~/.cache. "~", "$NAME" and "${NAME}" are replaced as there; an empty variable
/// counts as not set. Nothing when there is no home either.
std::optional<fs::path> hub_cache_folder();

/// Where a model lies that the user names; `path` is what the name means as a path.
/// - Where that is there: itself, or, for an entry of the cache (…/models--org--name), its
/// snapshot:
///   that of the main branch, else the only one.
/// - Else, for a hub name that is in the cache: its snapshot.
/// - Else the path, unless the name may be meant as a hub name.
/// Input errors: an entry whose snapshot is not clear (all are listed) or not there, and a hub name
/// that the cache lacks, with the command that downloads it.
fs::path find_model(const std::string& name, const fs::path& path);

/// The entry of a cache that a path lies in: the folder above snapshots/REVISION; nothing
/// elsewhere. Links of the path itself are followed.
std::optional<fs::path> hub_cache_entry(const fs::path& path);

/// A model's name for people and model cards: "org/name" for a snapshot of the cache, else the
/// path.
std::string model_name(const fs::path& path);
/// The same with the path behind it: "org/name (…/snapshots/REVISION)".
std::string model_name_and_path(const fs::path& path);

/// What to do about a file that is missing or damaged in a model directory: download it again, with
/// the command where the model is in the cache, and a word where a download was not finished.
std::string download_hint(const fs::path& directory);

}  // namespace expandft
