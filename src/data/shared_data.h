#pragma once

#include "base/notice.h"
#include "data/dataset.h"

#include <vector>

namespace expandft {

/// A notice for each pair of a training and a validation source that have examples or files in
/// common. Files are compared by identity, whatever their names; examples by their tokens. Takes 20
/// bytes per example of `validation`.
Notices shared_examples(const Dataset& training, const Dataset& validation);

/// A file, and the name of what is measured on it: "the task wikitext".
struct MeasuredFile {
  fs::path file;
  std::string name;
};
/// A notice for each file that `training` reads too. `key`: the config's name of the training data.
Notices shared_files(const std::vector<fs::path>& training, const std::string& key,
                     const std::vector<MeasuredFile>& measured);

}  // namespace expandft
