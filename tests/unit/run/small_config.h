#pragma once

#include "base/temp_directory.h"
#include "config/run_config.h"

#include <string>

namespace expandft::testing {

/// A run of two steps on stories260K, whose layers 3 and 4 grow, in a folder of its own.
class SmallConfig {
 public:
  ResolvedConfig load(const std::vector<std::string>& overrides = {}) const {
    const fs::path data = EXPANDFT_DATA;
    const Json config = {
        {"model", (data / "stories260K").string()},
        {"output", "out"},
        {"expansion", {{"layers", "last:2"}}},
        {"data", {{"train", "train.txt"}, {"validation", "valid.txt"}, {"max_length", 32}}},
        {"training", {{"max_steps", 2}, {"batch_size", 2}, {"micro_batch_size", 2}}}};
    folder.write("run.json", config.dump());
    folder.write("train.txt",
                 "Once upon a time there was a little cat. It sat on a mat. " + words(40));
    folder.write("valid.txt", "One day a dog came. " + words(10));
    return load_run_config(folder / "run.json", overrides);
  }
  fs::path output() const { return folder / "out"; }

  TempDirectory folder;

 private:
  static std::string words(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "The cat saw bird " + std::to_string(i) + ". ";
    return text;
  }
};

}  // namespace expandft::testing
