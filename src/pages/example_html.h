#pragma once

#include "tasks/changed_answers.h"

#include <cstddef>
#include <string>
#include <vector>

namespace expandft {

/// An example with both models' answers, as part of a page. Texts are escaped, isolated from the
/// page's direction of writing and cut if very long: prompts keep their end, others their start.
std::string example_html(const TaskResult& base, const TaskResult& tuned, std::size_t example);

/// A table of documents or blocks whose loss rose.
std::string risen_losses_html(const TaskResult& base, const std::vector<RisenLoss>& losses);

}  // namespace expandft
