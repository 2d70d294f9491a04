#include "checkpoint/output_kind.h"

#include "base/error.h"
#include "base/json.h"

#include <algorithm>
#include <array>
#include <system_error>

namespace expandft {
namespace {

constexpr const char* kMarker = ".expandft";

struct KindName {
  OutputKind kind;
  const char *in_marker, *with_article;
};
constexpr std::array kKindNames{KindName{OutputKind::kRun, "run", "a run"},
                                KindName{OutputKind::kModel, "model", "a model"},
                                KindName{OutputKind::kAdapter, "adapter", "an adapter"},
                                KindName{OutputKind::kSnapshot, "snapshot", "a snapshot"}};

const KindName& names_of(OutputKind kind) {
  return *std::ranges::find(kKindNames, kind, &KindName::kind);
}

}  // namespace

std::string name_of(OutputKind kind) {
  return names_of(kind).with_article;
}

void write_marker(const fs::path& directory, OutputKind kind) {
  const Json marker = {{"written_by", "expandft"}, {"kind", names_of(kind).in_marker}};
  write_file_atomically(directory / kMarker, marker.dump() + "\n");
}

std::optional<OutputKind> kind_of(const fs::path& directory) {
  const fs::path marker = directory / kMarker;
  std::error_code error;
  if (!is_file(marker) || fs::file_size(marker, error) > 4096 || error) return std::nullopt;
  try {
    const Json json = read_json(marker);
    if (!json.is_object() || json.value("written_by", Json()) != "expandft") return std::nullopt;
    const Json kind = json.value("kind", Json());
    for (const KindName& known : kKindNames) {
      if (kind == known.in_marker) return known.kind;
    }
  } catch (const Error&) {
    // A damaged marker counts as none.
  }
  return std::nullopt;
}

bool is_ours(const fs::path& directory, OutputKind kind) {
  return kind_of(directory) == kind;
}

std::optional<fs::path> run_around(const fs::path& path) {
  std::error_code error;
  const fs::path place = fs::weakly_canonical(without_trailing_separator(path), error);
  if (error) return std::nullopt;
  for (fs::path at = place.parent_path();; at = at.parent_path()) {
    if (is_ours(at, OutputKind::kRun) || is_file(at / "config.resolved.json")) return at;
    if (at == at.parent_path()) return std::nullopt;
  }
}

}  // namespace expandft
