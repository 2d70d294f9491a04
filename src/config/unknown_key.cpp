#include "config/unknown_key.h"

#include "base/json.h"
#include "base/wording.h"

namespace expandft {

std::string unknown_key(const std::string& name, const std::vector<std::string>& known,
                        const std::string& prefix) {
  const std::string near = nearest(name, known);
  if (!near.empty()) return "unknown key; did you mean \"" + prefix + near + "\"?";
  return "unknown key; " + known_here(known);
}

std::string known_here(const std::vector<std::string>& known) {
  constexpr std::size_t kMostNames = 12;
  if (known.size() > kMostNames) {
    return "none of the " + std::to_string(known.size()) + " keys known here is like it";
  }
  std::string list;
  for (const std::string& one : known) list += (list.empty() ? "known here: " : ", ") + one;
  return list;
}

}  // namespace expandft
