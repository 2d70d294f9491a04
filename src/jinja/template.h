#pragma once

#include "base/json.h"
#include "jinja/evaluator.h"
#include "jinja/syntax/syntax.h"
#include "jinja/values/limits.h"
#include "jinja/values/source.h"

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace expandft::jinja {

struct RenderOptions {
  Limits limits;
  std::tm now = {};  // what strftime_now writes
};

/// The local time.
std::tm local_time();

struct Rendering {
  std::string text;
  /// What {% generation %} blocks wrote, in order. Blocks within macros and captured blocks are not
  /// listed; `has_hidden_generation` says that there were some.
  std::vector<GeneratedSpan> generated;
  bool has_hidden_generation = false;
};

/// A Jinja template, rendered as transformers renders chat templates: Jinja 3.1's sandbox for data
/// that does not change, with trim_blocks, lstrip_blocks, break, continue, generation blocks, and
/// its tojson, raise_exception, strftime_now, dict and namespace. Texts are equal byte for byte, or
/// there is an input error at name:line:column: where transformers refuses the template or the
/// data, and for what is not supported here, by its name. A template reaches the data that it is
/// given and nothing else, and keeps within limits.
class Template {
 public:
  /// `name` names the template in messages. Input errors: what is not Jinja's grammar.
  Template(std::string_view text, std::string name);

  /// `context` is an object: the template's variables. Input errors: as above.
  Rendering render(const Json& context, const RenderOptions& options) const;

  const std::string& name() const { return source_.name; }
  /// Whether it has generation blocks.
  bool has_generation() const { return has_generation_; }

 private:
  Source source_;
  Body body_;
  bool has_generation_ = false;
};

}  // namespace expandft::jinja
