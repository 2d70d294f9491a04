#pragma once

#include "base/json.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// A key of another tool's config, and what stands for it here.
struct ForeignKey {
  std::vector<std::string_view> names;  // one meaning, as several tools spell it; "hub_*"
  std::vector<std::string_view> ours;   // paths of our keys, the nearest first; none: no key
  std::string_view note;                // how to convert, or what to do instead; may be empty
};

/// Keys of transformers' TrainingArguments, TRL, PEFT, Axolotl, LLaMA-Factory, torchtune, unsloth,
/// MLX and LitGPT that people know, against those of a run config.
std::span<const ForeignKey> foreign_run_keys();
/// Keys of lm-evaluation-harness's task files, against those of a task file.
std::span<const ForeignKey> foreign_task_keys();

/// A resolved config, or the part of one that a snapshot holds, that was written under the names
/// that keys had at first: the same under today's names. Anything else is returned as it is.
Json with_present_keys(Json config);

/// The entry with a key in any spelling ("saveSteps", "save-steps"); null without.
const ForeignKey* find_foreign(std::span<const ForeignKey> keys, std::string_view key);
/// "here it is \"training.warmup\": below 1 it is a share of all steps".
std::string in_words(const ForeignKey& key);
/// A key without what spellings differ in: "savesteps".
std::string bare_key(std::string_view key);

/// "unknown key; did you mean \"lora.rank\"?", or which keys are known here. `prefix` stands before
/// the keys of this place: "lora.".
std::string unknown_key(const std::string& name, const std::vector<std::string>& known,
                        const std::string& prefix);

/// "known here: rank, alpha, targets"; of many keys how many: nobody reads thirty names. Empty
/// without any.
std::string known_here(const std::vector<std::string>& known);

}  // namespace expandft
