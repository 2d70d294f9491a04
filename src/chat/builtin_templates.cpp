// All text is written by expressions, and every statement strips the space around it: what stands
// between them is layout, and never part of a conversation.
#include "chat/builtin_templates.h"

#include <deque>
#include <initializer_list>
#include <string>

namespace expandft {
namespace {

// Each template begins with checks.
constexpr char kChecks[] = R"jinja(
{#- Messages that this template has no place for are refused. -#}
{%- for message in messages -%}
  {%- set place = 'message ' ~ loop.index -%}
  {%- if message.role not in ['system', 'developer', 'user', 'assistant'] -%}
    {{ raise_exception(place ~ ' has the role ' ~ message.role
                       ~ ', which this chat template does not write') }}
  {%- elif message.tool_calls -%}
    {{ raise_exception(place ~ ' has tool calls, which this chat template does not write') }}
  {%- elif message.content is not string -%}
    {{ raise_exception(place ~ ' has no content that is a text') }}
  {%- endif -%}
{%- endfor -%}
)jinja";

constexpr char kNoSystem[] = R"jinja(
{#- There is no place for system text. -#}
{%- for message in messages -%}
  {%- if message.role in ['system', 'developer'] -%}
    {{ raise_exception('message ' ~ loop.index ~ ' is the ' ~ message.role
                       ~ "'s, which this chat template does not allow: put its text at the start "
                       ~ 'of the first user message') }}
  {%- endif -%}
{%- endfor -%}
)jinja";

// Finds chat.system, which stays none if there is no system message.
constexpr char kAlternates[] = R"jinja(
{#- User and assistant take turns, perhaps after a system text. -#}
{%- set chat = namespace(expected='user', system=none) -%}
{%- for message in messages -%}
  {%- set found = 'message ' ~ loop.index ~ ' is the ' ~ message.role ~ "'s" -%}
  {%- if message.role in ['system', 'developer'] -%}
    {%- if not loop.first -%}{{ raise_exception(found ~ ': only the first can be') }}{%- endif -%}
    {%- if loop.last -%}
      {{ raise_exception('the system message needs a user message to be part of, '
                         ~ 'and there is none') }}
    {%- endif -%}
    {%- set chat.system = message.content -%}
  {%- elif message.role != chat.expected -%}
    {{ raise_exception(found ~ ', expected the ' ~ chat.expected
                       ~ "'s: user and assistant alternate, the user first") }}
  {%- else -%}
    {%- set chat.expected = 'assistant' if message.role == 'user' else 'user' -%}
  {%- endif -%}
{%- endfor -%}
)jinja";

// In what alternates, a question among the first two messages is the first one.
constexpr char kGemma[] = R"jinja(
{{ bos_token }}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}
    {{ '<start_of_turn>user\n' }}
    {%- if chat.system is string and loop.index <= 2 -%}{{ chat.system + '\n\n' }}{%- endif -%}
    {{ message.content | trim + '<end_of_turn>\n' }}
  {%- elif message.role == 'assistant' -%}
    {{ '<start_of_turn>model\n' }}
    {%- generation -%}{{ message.content | trim + '<end_of_turn>' }}{%- endgeneration -%}
    {{ '\n' }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}
)jinja";

constexpr char kLlama2[] = R"jinja(
{%- for message in messages -%}
  {%- if message.role == 'user' -%}
    {%- set has_system = chat.system is string and loop.index <= 2 -%}
    {%- set before = '<<SYS>>\n' ~ chat.system ~ '\n<</SYS>>\n\n' if has_system else '' -%}
    {{ bos_token ~ '[INST] ' ~ (before + message.content) | trim ~ ' [/INST]' }}
  {%- elif message.role == 'assistant' -%}
    {%- generation -%}{{ ' ' + message.content | trim + ' ' + eos_token }}{%- endgeneration -%}
  {%- endif -%}
{%- endfor -%}
)jinja";

constexpr char kLlama3[] = R"jinja(
{{ bos_token }}
{%- for message in messages -%}
  {%- if message.role == 'assistant' -%}
    {{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
    {%- generation -%}{{ message.content | trim + '<|eot_id|>' }}{%- endgeneration -%}
  {%- else -%}
    {%- set role = 'user' if message.role == 'user' else 'system' -%}
    {{ '<|start_header_id|>' + role + '<|end_header_id|>\n\n' }}
    {%- if role == 'system' and loop.first -%}{{ first_system_lead }}{%- endif -%}
    {{ message.content | trim + '<|eot_id|>' }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif -%}
)jinja";

// Before kLlama3. Unless a date is given it is always the same one: else the same conversation
// would have other tokens tomorrow.
constexpr char kLlama31Date[] = R"jinja(
{#- A system turn is always there, and begins with dates. -#}
{%- set date = date_string if date_string is defined else '26 Jul 2024' -%}
{%- set first_system_lead =
    'Cutting Knowledge Date: December 2023\nToday Date: ' + date + '\n\n' -%}
{%- if not messages or messages[0].role not in ['system', 'developer'] -%}
  {%- set messages = [{'role': 'system', 'content': ''}] + messages -%}
{%- endif -%}
)jinja";

// After the settings of a version. The published templates for v3 lose the system text if an answer
// is the last message; here it is always in the last question.
constexpr char kMistral[] = R"jinja(
{{ bos_token }}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}
    {%- set is_host = (loop.revindex if system_in_last_question else loop.index) <= 2 -%}
    {{ before_question }}
    {%- if chat.system is string and is_host -%}{{ chat.system + '\n\n' }}{%- endif -%}
    {{ message.content + after_question }}
  {%- elif message.role == 'assistant' -%}
    {%- set content = message.content | trim if trims_answer else message.content -%}
    {%- generation -%}{{ before_answer + content + eos_token }}{%- endgeneration -%}
    {{ after_answer }}
  {%- endif -%}
{%- endfor -%}
)jinja";

constexpr char kMistralV1[] = R"jinja(
{%- set before_question, after_question, before_answer = ' [INST] ', ' [/INST]', ' ' -%}
)jinja";
constexpr char kMistralV3[] = R"jinja(
{%- set before_question, after_question, before_answer = '[INST] ', '[/INST]', ' ' -%}
{%- set system_in_last_question = true -%}
)jinja";
constexpr char kMistralNemo[] = R"jinja(
{%- set before_question, after_question, before_answer = '[INST]', '[/INST]', '' -%}
{%- set system_in_last_question = true -%}
)jinja";
constexpr char kMistralV0[] = R"jinja(
{%- set before_question, after_question, before_answer = '[INST] ', ' [/INST]', '' -%}
)jinja";

constexpr char kChatml[] = R"jinja(
{%- for message in messages -%}
  {%- if message.role == 'assistant' -%}
    {{ '<|im_start|>assistant\n' }}
    {%- generation -%}{{ message.content + '<|im_end|>' }}{%- endgeneration -%}
    {{ '\n' }}
  {%- else -%}
    {%- set role = 'user' if message.role == 'user' else 'system' -%}
    {{ '<|im_start|>' + role + '\n' + message.content + '<|im_end|>\n' }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}
)jinja";

// An empty think block is context, not the model's words: it is what switches thinking off.
constexpr char kQwen3[] = R"jinja(
{#- Only answers to the last question keep their reasoning. -#}
{%- set last = namespace(question=messages | length - 1) -%}
{%- for message in messages -%}
  {%- set is_response = message.content.startswith('<tool_response>')
                        and message.content.endswith('</tool_response>') -%}
  {%- if message.role == 'user' and not is_response -%}
    {%- set last.question = loop.index0 -%}
  {%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
  {%- if message.role == 'assistant' -%}
    {%- set content, reasoning = message.content, '' -%}
    {%- if message.reasoning_content is string -%}
      {%- set reasoning = message.reasoning_content -%}
    {%- elif '</think>' in content -%}
      {%- set parts = content.split('</think>') -%}
      {%- set content = parts[-1].lstrip('\n') -%}
      {%- set reasoning = parts[0].rstrip('\n').split('<think>')[-1].lstrip('\n') -%}
    {%- endif -%}
    {{ '<|im_start|>assistant\n' }}
    {#- The last answer has a block for it in any case. -#}
    {%- set has_block = loop.index0 > last.question and (loop.last or reasoning != '') -%}
    {%- set reasoning = reasoning.strip('\n') if has_block else '' -%}
    {%- if has_block -%}
      {%- set content = content.lstrip('\n') -%}
      {%- if not reasoning -%}{{ '<think>\n\n</think>\n\n' }}{%- endif -%}
    {%- endif -%}
    {%- generation -%}
      {%- if reasoning -%}{{ '<think>\n' + reasoning + '\n</think>\n\n' }}{%- endif -%}
      {{ content + '<|im_end|>' }}
    {%- endgeneration -%}
    {{ '\n' }}
  {%- else -%}
    {%- set role = 'user' if message.role == 'user' else 'system' -%}
    {{ '<|im_start|>' + role + '\n' + message.content + '<|im_end|>\n' }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{ '<|im_start|>assistant\n' }}
  {%- if enable_thinking is false -%}{{ '<think>\n\n</think>\n\n' }}{%- endif -%}
{%- endif -%}
)jinja";

constexpr char kZephyr[] = R"jinja(
{%- for message in messages -%}
  {%- if message.role == 'assistant' -%}
    {{ '<|assistant|>\n' }}
    {%- generation -%}{{ message.content + eos_token }}{%- endgeneration -%}
    {{ '\n' }}
  {%- else -%}
    {%- set role = 'user' if message.role == 'user' else 'system' -%}
    {{ '<|' + role + '|>\n' + message.content + eos_token + '\n' }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|assistant|>\n' }}{%- endif -%}
)jinja";

constexpr char kPhi3[] = R"jinja(
{%- for message in messages -%}
  {%- if message.role == 'assistant' -%}
    {{ '<|assistant|>\n' }}
    {%- generation -%}{{ message.content + '<|end|>' }}{%- endgeneration -%}
    {{ '\n' }}
  {%- elif message.role == 'user' -%}
    {{ '<|user|>\n' + message.content + '<|end|>\n' }}
  {%- elif message.content or not skips_empty_system -%}
    {{ '<|system|>\n' + message.content + '<|end|>\n' }}
  {%- endif -%}
{%- endfor -%}
{{ '<|assistant|>\n' if add_generation_prompt else eos_token }}
)jinja";

// The first Phi-3 mini and medium: a question's turn ends with the start of the answer.
constexpr char kPhi3First[] = R"jinja(
{%- for message in messages -%}
  {%- if message.role == 'user' -%}
    {{ '<|user|>\n' + message.content + '<|end|>\n<|assistant|>\n' }}
  {%- else -%}
    {%- generation -%}{{ message.content + '<|end|>' }}{%- endgeneration -%}
    {{ '\n' }}
  {%- endif -%}
{%- endfor -%}
)jinja";

// The checks and the pieces, one after another.
const char* joined(std::initializer_list<const char*> pieces) {
  static std::deque<std::string> texts;                 // which stay where they are
  std::string& text = texts.emplace_back(kChecks + 1);  // without the newline
  for (const char* const piece : pieces) text += piece;
  return text.c_str();
}

}  // namespace

const std::vector<BuiltinTemplate>& builtin_templates() {
  static const std::vector<BuiltinTemplate> templates = {
      {"gemma", joined({kAlternates, kGemma})},                       // Gemma 3
      {"gemma-no-system", joined({kNoSystem, kAlternates, kGemma})},  // Gemma 1 and 2
      {"llama2", joined({kAlternates, kLlama2})},
      {"llama3", joined({kLlama3})},
      {"llama3.1", joined({kLlama31Date, kLlama3})},  // also 3.2 and 3.3
      {"mistral", joined({kAlternates, kMistralV1, kMistral})},
      {"mistral-v3", joined({kAlternates, kMistralV3, kMistral})},
      {"mistral-v3-trim",
       joined({kAlternates, kMistralV3, "{%- set trims_answer = true -%}", kMistral})},
      {"mistral-nemo", joined({kAlternates, kMistralNemo, kMistral})},
      {"mistral-v0.1",
       joined({kNoSystem, kAlternates, kMistralV0, "{%- set after_answer = ' ' -%}", kMistral})},
      {"mistral-v0.2", joined({kNoSystem, kAlternates, kMistralV0, kMistral})},
      {"chatml", joined({kChatml})},
      {"qwen3", joined({kQwen3})},
      {"zephyr", joined({kZephyr})},
      {"phi3", joined({kPhi3})},
      {"phi3.5", joined({"{%- set skips_empty_system = true -%}", kPhi3})},
      {"phi3-first", joined({kNoSystem, kPhi3First})},
  };
  return templates;
}

const BuiltinTemplate* find_builtin_template(std::string_view name) {
  for (const BuiltinTemplate& known : builtin_templates()) {
    if (known.name == name) return &known;
  }
  return nullptr;
}

}  // namespace expandft
