#pragma once

#include "cli/app.h"
#include "runtime/rank_group.h"

#include <memory>

namespace expandft {

/// --rank-timeout of a command that several ranks run together.
struct RankOptions {
  int timeout = 600;  // seconds
};
void add_rank_options(CLI::App& command, RankOptions& options);

/// A process among those that a launcher started, or a single one.
class Rank {
 public:
  /// Reads the launcher's environment. A rank past the first says warnings and errors alone.
  Rank(const GlobalOptions& global, const RankOptions& options);

  /// Global options for this rank: its GPU, and quiet past the first.
  const GlobalOptions& global() const { return global_; }
  /// Meets the others.
  std::unique_ptr<RankGroup> join() const;

 private:
  RankEnvironment environment_;
  GlobalOptions global_;
  RankOptions options_;
};

}  // namespace expandft
