#pragma once

#include "jinja/scope.h"
#include "jinja/values/runtime.h"

#include <memory>

namespace expandft::jinja {

/// The functions of transformers' environment: range, dict, namespace, raise_exception,
/// strftime_now; and names that Jinja has and this does not, which are input errors when called.
std::shared_ptr<Scope> environment_scope();

}  // namespace expandft::jinja
