// Renders templates for the differential test: a line of JSON in ({"template", "context", "now"}),
// a line of JSON out ({"text", "generated"} or {"error", "where"}). "now" is seconds since 1970,
// UTC.
#include "base/json.h"
#include "jinja/template.h"

#include <ctime>
#include <iostream>
#include <string>

using namespace expandft;

namespace {

Json answer(const Json& request) {
  try {
    jinja::RenderOptions options;
    const std::time_t now = request.value("now", std::time_t{0});
    gmtime_r(&now, &options.now);
    const jinja::Template compiled(request["template"].get_ref<const std::string&>(), "template");
    const jinja::Rendering rendering = compiled.render(request["context"], options);
    Json generated = Json::array();
    for (const jinja::GeneratedSpan& span : rendering.generated) {
      generated.push_back(Json::array({span.begin, span.end}));
    }
    return {{"text", rendering.text}, {"generated", generated}};
  } catch (const Error& error) {
    return {{"error", error.message()}, {"where", error.where()}};
  }
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const Json request = parse_json(line, "stdin", JsonNumbers::kAsWritten);
    std::cout << answer(request).dump() << "\n";
  }
}
