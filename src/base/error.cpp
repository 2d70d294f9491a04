#include "base/error.h"

#include <utility>

namespace expandft {

Error::Error(ExitCode code, std::string what, std::string where, std::string hint)
    : code_(code), message_(std::move(what)), where_(std::move(where)), hint_(std::move(hint)) {
  text_ = message_;
  if (!where_.empty()) text_ += "\n  where: " + where_;
  if (!hint_.empty()) text_ += "\n  hint:  " + hint_;
}

Error input_error(std::string what, std::string where, std::string hint) {
  return {ExitCode::kBadInput, std::move(what), std::move(where), std::move(hint)};
}

Error failure(std::string what, std::string where, std::string hint) {
  return {ExitCode::kFailed, std::move(what), std::move(where), std::move(hint)};
}

}  // namespace expandft
