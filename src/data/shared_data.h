#pragma once

#include "base/notice.h"
#include "data/dataset.h"

#include <vector>

namespace expandft {

/// What training data and the data that it is judged by have in common: a notice for each pair of
/// sources, with the examples of the second, of the files and the tokens, that the first has too.
/// A file is the same whatever name it is reached by, an example when its tokens are. Takes 20
/// bytes an example of `validation`.
Notices shared_examples(const Dataset& training, const Dataset& validation);

/// A file that something is measured on, and what that is: "the task wikitext".
struct MeasuredFile {
  fs::path file;
  std::string name;
};
/// Notices for those that `training`, which the config calls `key`, reads too.
Notices shared_files(const std::vector<fs::path>& training, const std::string& key,
                     const std::vector<MeasuredFile>& measured);

}  // namespace expandft
