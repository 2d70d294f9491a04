#pragma once

#include "pages/changed_answers.h"

#include <cstddef>
#include <string>
#include <vector>

namespace expandft {

/// An example that both models were asked, and what each answered, as a part of a page. Texts are
/// escaped, kept apart from the page's direction of writing, and cut where they are very long: of
/// prompts the end stays, of all else the beginning.
std::string example_html(const TaskResult& base, const TaskResult& tuned, std::size_t example);

/// A table of documents or blocks whose loss rose.
std::string risen_losses_html(const TaskResult& base, const std::vector<RisenLoss>& losses);

}  // namespace expandft
