#include "cli/measure_options.h"

#include "tasks/output_cache.h"

namespace expandft {

std::vector<CLI::Option*> add_measure_options(CLI::App& command, MeasureOptions& options) {
  CLI::Option* limit =
      command
          .add_option("--limit", options.limit, "Evaluate the first N examples of each task only")
          ->type_name("N")
          ->check(CLI::PositiveNumber);
  CLI::Option* cache =
      command
          .add_option("--cache", options.cache,
                      "Folder where outputs are kept, so that none is computed twice and an "
                      "evaluation that was cut off goes on (default: ~/.cache/expandft)")
          ->type_name("DIR");
  CLI::Option* no_cache =
      command.add_flag("--no-cache", options.no_cache, "Compute all anew, and keep nothing")
          ->excludes(cache);
  return {limit, cache, no_cache};
}

std::optional<fs::path> cache_folder(const MeasureOptions& options) {
  if (options.no_cache) return std::nullopt;
  return options.cache.empty() ? default_cache_folder() : fs::path(options.cache);
}

void apply_limit(const MeasureOptions& options, std::vector<TaskConfig>& tasks) {
  if (options.limit == 0) return;
  for (TaskConfig& task : tasks) task.max_examples = options.limit;
}

}  // namespace expandft
