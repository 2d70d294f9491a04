#pragma once

#include <string>
#include <vector>

namespace expandft {

/// "unknown key; did you mean \"lora.rank\"?", or which keys are known here. `prefix` stands before
/// the keys of this place: "lora.".
std::string unknown_key(const std::string& name, const std::vector<std::string>& known,
                        const std::string& prefix);

/// "known here: rank, alpha, targets"; of many keys how many: nobody reads thirty names. Empty
/// without any.
std::string known_here(const std::vector<std::string>& known);

}  // namespace expandft
