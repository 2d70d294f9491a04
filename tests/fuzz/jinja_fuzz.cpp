#include "fuzz.h"
#include "jinja/template.h"

using namespace expandft;

// A chat template, rendered with a conversation. It gives a text or an input error, within small
// limits.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Json context = parse_json(
      R"({"messages": [{"role": "system", "content": " Be kind.\n"}, {"role": "user", "content": "Hé"},
          {"role": "assistant", "content": "<think>a</think>b", "tool_calls": [{"type": "function",
           "function": {"name": "f", "arguments": {"x": [1, 2.5, null, true]}}}]}],
          "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
          "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": true, "n": 3})",
      "context");
  jinja::RenderOptions options;
  options.limits.steps = 20'000;
  options.limits.bytes = 4 << 20;
  options.limits.output = 1 << 20;
  options.limits.levels = 200;
  fuzz::expect_input_error([&] {
    const jinja::Rendering made =
        jinja::Template(fuzz::as_text(data, size), "template").render(context, options);
    Json(made.text).dump();  // throws on invalid UTF-8
  });
  return 0;
}
