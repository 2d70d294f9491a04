#include "checkpoint/links.h"

#include "base/error.h"
#include "chat/chat_template.h"
#include "config/hub_cache.h"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <vector>

namespace expandft {
namespace {

/// In the order of their names; none of a folder that cannot be read.
std::vector<fs::path> links_in(const fs::path& folder) {
  std::vector<fs::path> links;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (fs::is_symlink(entry->symlink_status(ignored))) links.push_back(entry->path());
  }
  std::ranges::sort(links);
  return links;
}

}  // namespace

void check_links(const fs::path& directory) {
  std::error_code error;
  const fs::path inside = fs::canonical(directory, error);
  if (error) return;  // opening files there reports the error
  const auto cached = hub_cache_entry(inside);
  std::vector<fs::path> links = links_in(directory);
  std::ranges::move(links_in(directory / kChatTemplateFolder), std::back_inserter(links));
  for (const fs::path& link : links) {
    const fs::path target = fs::canonical(link, error);
    if (error || contains(inside, target) || (cached && contains(*cached / "blobs", target)))
      continue;
    throw input_error("found a link that leads out of the directory, to " + target.string() +
                          ", expected files of its own",
                      link.string(), "replace the link with a copy of the file, if you trust it");
  }
}

}  // namespace expandft
