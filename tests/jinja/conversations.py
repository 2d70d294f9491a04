"""Conversations and switches that chat templates are rendered with."""

import copy
import json

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "Weather of a city.\nToday's.",
    "parameters": {"type": "object", "required": ["city"], "properties": {
        "city": {"type": "string", "description": "The city, e.g. \"Zürich\""},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
        "days": {"type": "integer", "minimum": 1}}}}}
SEARCH = {"type": "function", "function": {
    "name": "search", "description": "Search & <find>",
    "parameters": {"type": "object", "properties": {
        "query": {"type": ["string", "null"], "description": "what to look for"},
        "tags": {"type": "array", "items": {"type": "string"}, "description": "all of them"},
        "options": {"type": "object", "properties": {"limit": {"type": "number"}, "deep": {"type": "boolean"}}, "required": ["limit"]},
        "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}, "required": ["query", "tags"]},
    "return": {"type": "string"}}}
NO_PARAMETERS = {"type": "function", "function": {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}}}
TOOLS = [WEATHER, SEARCH, NO_PARAMETERS]

SYSTEM = {"role": "system", "content": "You are terse.\n"}
USER = {"role": "user", "content": "Hi  <there> & \"you\"\n"}
ANSWER = {"role": "assistant", "content": " Hello.\n\n"}


def call(name="get_weather", arguments=None, identity="call00001", as_text=False):
    given = {"city": "Zürich", "days": 2} if arguments is None else arguments
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": json.dumps(given) if as_text else given}}


def tool_result(content="{\"celsius\": 21.5}", identity="call00001", name="get_weather"):
    return {"role": "tool", "content": content, "tool_call_id": identity, "name": name}


def conversations() -> dict[str, list[dict]]:
    think = "<think>\nHm, a greeting.\n</think>\n\nHello!"
    calls = {"role": "assistant", "content": "", "tool_calls": [call()]}
    return {
        "user": [USER],
        "system user": [SYSTEM, USER],
        "one answer": [USER, ANSWER],
        "system and answer": [SYSTEM, USER, ANSWER],
        "turns": [SYSTEM, USER, ANSWER, {"role": "user", "content": "And now?"}, {"role": "assistant", "content": "Bye"}],
        "open turns": [USER, ANSWER, {"role": "user", "content": "And now?"}],
        "empty system": [{"role": "system", "content": ""}, USER, ANSWER],
        "late system": [USER, ANSWER, SYSTEM, USER],
        "two users": [USER, USER],
        "two answers": [USER, ANSWER, ANSWER],
        "begins with answer": [ANSWER, USER],
        "developer": [{"role": "developer", "content": "Be kind."}, USER],
        "unknown role": [{"role": "critic", "content": "No."}, USER],
        "empty answer": [USER, {"role": "assistant", "content": ""}],
        "inline thinking": [USER, {"role": "assistant", "content": think}, USER, {"role": "assistant", "content": think}],
        "reasoning": [USER, {"role": "assistant", "content": "Hello!", "reasoning_content": "Hm.\n"}],
        "old reasoning": [USER, {"role": "assistant", "content": "Hello!", "reasoning_content": "Hm."}, USER,
                          {"role": "assistant", "content": "Again!", "reasoning_content": "Again?", "thinking": "Again?"}],
        "tool call": [SYSTEM, USER, calls],
        "tool result": [USER, calls, tool_result()],
        "tool answer": [SYSTEM, USER, calls, tool_result(), {"role": "assistant", "content": "21.5 °C"}],
        "call without content": [USER, {"role": "assistant", "tool_calls": [call()]}, tool_result(), {"role": "assistant", "content": "Warm."}],
        "text arguments": [USER, {"role": "assistant", "content": "", "tool_calls": [call(as_text=True)]}, tool_result()],
        "two calls": [USER, {"role": "assistant", "content": "Let me see.", "tool_calls": [call(), call("search", {"query": "a\nb", "tags": ["x", "y"], "options": {"limit": 3, "deep": True}, "either": None}, "call00002")]},
                      tool_result(), tool_result("nothing", "call00002", "search"), {"role": "assistant", "content": "Done."}],
        "calls in turns": [USER, calls, tool_result(), {"role": "assistant", "content": "Warm."}, {"role": "user", "content": "And tomorrow?"},
                           {"role": "assistant", "content": "", "reasoning_content": "Ask again.", "tool_calls": [call(identity="call00003")]},
                           tool_result(identity="call00003"), {"role": "assistant", "content": "Warm too."}],
        "reasoning and call": [USER, {"role": "assistant", "content": "I look.", "reasoning_content": "I need a tool.", "thinking": "I need a tool.", "tool_calls": [call()]}, tool_result()],
        "result as data": [USER, calls, {"role": "tool", "content": {"celsius": 21.5, "ok": True}, "tool_call_id": "call00001", "name": "get_weather"}],
        "parts": [{"role": "user", "content": [{"type": "text", "text": "One "}, {"type": "text", "text": "two"}]}, {"role": "assistant", "content": [{"type": "text", "text": "Three"}]}],
        "image": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}],
        "no arguments": [USER, {"role": "assistant", "content": "", "tool_calls": [call("now", {})]}, tool_result("12:00", name="now")],
        "extra fields": [dict(USER, name="Ann", weight=0), dict(ANSWER, prefix=True)],
        "unicode": [{"role": "user", "content": "日本語 \u2028 é 👍🏽"}, {"role": "assistant", "content": "はい"}],
        "markers in text": [{"role": "user", "content": "<|im_end|> {{ x }} {% if %} [/INST]"}, {"role": "assistant", "content": "</think> ok <channel|> <|end|>"}],
        "long": [SYSTEM] + [USER, ANSWER] * 20 + [USER],
    }


SWITCHES = {
    "plain": {},
    "thinking": {"enable_thinking": True},
    "no thinking": {"enable_thinking": False},
    "thinking renamed": {"thinking": True, "reasoning_effort": "high", "keep_past_thinking": True},
    "efforts": {"reasoning_effort": "low", "thinking_budget": 512, "model_identity": "You are a test.", "date_string": "01 Jan 2026"},
    "documents": {"documents": [{"title": "T", "text": "Some text.", "doc_id": 1}], "citations": True},
    "builtin tools": {"builtin_tools": ["browser", "python", "code_interpreter"], "tools_in_user_message": False, "custom_tools": None},
}
SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


# Conversations that every switch is tried with.
SWITCHED = ("turns", "old reasoning", "calls in turns", "inline thinking", "reasoning and call")


def contexts():
    """(name, context) of every case."""
    for name, messages in conversations().items():
        for prompt in (False, True):
            for tools_name, tools in (("", None), ("one tool, ", [WEATHER]), ("tools, ", TOOLS)):
                for switch, values in SWITCHES.items():
                    if switch != "plain" and (bool(tools) == prompt or name not in SWITCHED):
                        continue  # enough of these
                    shown = f"{name}, {'prompt, ' if prompt else ''}{tools_name}{switch}"
                    yield shown, copy.deepcopy({**SPECIAL_TOKENS, "messages": messages, "tools": tools, "documents": None,
                                                "add_generation_prompt": prompt, **values})
