#!/usr/bin/env python3
"""Writes the chat goldens: the text, ids and learned tokens that the transformers package gives for conversations.

Has the same requirements as make_tokenizer_goldens.py. The templates are in tests/golden/chat/templates.

    python scripts/golden/make_chat_goldens.py
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from make_tokenizer_goldens import ROOT, config, token, use_merges_of_model
from jinja2.exceptions import TemplateError
from transformers import GemmaTokenizer, LlamaTokenizer

S, U, A = "system", "user", "assistant"


def chat(*turns):
    return [{"role": role, "content": content} for role, content in turns]


SPECIAL = "a<end_of_turn>b <|eot_id|> c<|im_end|>\n</s> <s>x[INST] y [/INST]<|end|><bos><start_of_turn>user\n<|im_start|> <<SYS>>"
CONVERSATIONS = {
    "single": chat((U, "Hello there"), (A, "Hi! How can I help?")),
    "multi": chat((U, "What is 2 + 3?"), (A, "5"), (U, "And 4 + 4?"), (A, "It is 8."), (U, "Thanks"), (A, "You are welcome.")),
    "system": chat((S, "You are terse."), (U, "Who are you?"), (A, "A model.")),
    "system-multi": chat((S, "Answer in rhyme."), (U, "One"), (A, "Two"), (U, "Three"), (A, "Four")),
    "empty-system": chat((S, ""), (U, "Hello"), (A, "Hi")),
    "white-space": chat((S, "  \n be kind \n"), (U, "\n\n  Hello \t"), (A, "  \n Hi \n\n"), (U, " x\n"), (A, "\n\n\ny ")),
    "white-space-no-system": chat((U, "\n\n  Hello \t"), (A, "  \n Hi \n\n"), (U, " x\n"), (A, "\n\n\ny ")),
    "wide-white-space": chat((U, "\u00a0\u2003\x1cHello\x1f\u3000"), (A, "\u200bHi\u2028\x85\x1d ")),
    "unicode": chat((U, "Příliš žluťoučký 日本語 👩‍👩‍👧"), (A, "e\u0301 – “đẹp” 한국어 🇫🇷")),
    "special-text": chat((U, SPECIAL), (A, SPECIAL), (U, "go on"), (A, "end " + SPECIAL)),
    "half-special": chat((U, "x<end_of"), (A, "<|im_end"), (U, "[/INST"), (A, "y<|eot_id| <")),
    "code": chat((U, "Write a loop"), (A, "```python\nfor i in range(3):\n    print(i)\n```\n")),
    "joining": chat((U, "a"), (A, ". Right."), (U, "b"), (A, "]; or\nnot"), (U, "c"), (A, "\"quoted\"")),
    "empty-answer": chat((U, "a"), (A, ""), (U, "b"), (A, "c")),
    "empty-question": chat((U, ""), (A, "a")),
    "blank-question-system": chat((S, "s"), (U, " \n "), (A, "a")),
    "ends-with-question": chat((U, "a"), (A, "b"), (U, "c")),
    "long": chat((U, "word " * 40), (A, "answer " * 60), (U, "again " * 20), (A, "more. " * 30)),
    "think": chat((U, "a"), (A, "<think>\nfirst thought\n</think>\n\nb"), (U, "c"), (A, "<think>\nsecond\n</think>\n\nd")),
    "think-odd": chat((U, "a"), (A, "no open</think>b</think>c"), (U, "c"), (A, "<think>x<think>y\n\n</think>\n\n\nd")),
    "think-two-answers": chat((U, "a"), (A, "<think>one</think>b"), (A, "plain"), (A, "<think>\ntwo\n</think>\n\nd")),
    "tool-response": chat((U, "a"), (A, "<think>one</think>b"), (U, "<tool_response>c</tool_response>"), (A, "d")),
    "two-questions": chat((U, "a"), (U, "b"), (A, "c")),
    "answer-first": chat((A, "a"), (U, "b"), (A, "c")),
    "late-system": chat((U, "a"), (A, "b"), (S, "now be kind"), (U, "c"), (A, "d")),
    "two-systems": chat((S, "one"), (S, "two"), (U, "c"), (A, "d")),
}

LLAMA = config("LlamaTokenizer", legacy=False, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def added(*names, first=32000, bos, eos, **flags):
    """The Llama config with tokens from id `first` on."""
    tokens = {"0": token("<unk>"), "1": token("<s>"), "2": token("</s>")}
    for i, name in enumerate(names):
        tokens[str(first + i)] = token(name, special="think" not in name, **flags)
    return {**LLAMA, "add_prefix_space": False, "added_tokens_decoder": tokens, "bos_token": bos, "eos_token": eos}


LLAMA3 = added("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", bos="<|begin_of_text|>", eos="<|eot_id|>")
CHATML = added("<|im_start|>", "<|im_end|>", "<think>", "</think>", bos=None, eos="<|im_end|>")
PHI3 = added("<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>", bos="<s>", eos="<|endoftext|>", rstrip=True)
GEMMA = config("GemmaTokenizer", added_tokens_decoder={"2": token("<bos>"), "4": token("<start_of_turn>"), "5": token("<end_of_turn>")})
# name: model, tokenizer_config.json, template, end of turn
CASES = {
    "gemma": ("gemma-test", GEMMA, "gemma", "<end_of_turn>"),
    "gemma3": ("gemma-test", GEMMA, "gemma3", "<end_of_turn>"),
    "llama2": ("mistral-v1", LLAMA, "llama2", "</s>"),
    "llama2-legacy": ("mistral-v1", {**LLAMA, "legacy": True}, "llama2", "</s>"),
    "llama3": ("mistral-v1", LLAMA3, "llama3", "<|eot_id|>"),
    "llama3.1": ("mistral-v1", LLAMA3, "llama3.1", "<|eot_id|>"),
    "llama3.2": ("mistral-v1", LLAMA3, "llama3.2", "<|eot_id|>"),
    "mistral-v0.1": ("mistral-v1", LLAMA, "mistral-v0.1", "</s>"),
    "mistral-v0.2": ("mistral-v1", LLAMA, "mistral-v0.2", "</s>"),
    "mistral-v1": ("mistral-v1", LLAMA, "mistral-v1", "</s>"),
    "mistral-v1-legacy": ("mistral-v1", {**LLAMA, "legacy": True}, "mistral-v1", "</s>"),
    "mistral-v3": ("mistral-v3", LLAMA, "mistral-v3", "</s>"),
    "mistral-nemo": ("mistral-v3", LLAMA, "mistral-nemo", "</s>"),
    "chatml": ("mistral-v1", CHATML, "chatml", "<|im_end|>"),
    "qwen2": ("mistral-v1", CHATML, "qwen2", "<|im_end|>"),
    "qwen2.5": ("mistral-v1", CHATML, "qwen2.5", "<|im_end|>"),
    "qwen3": ("mistral-v1", CHATML, "qwen3", "<|im_end|>"),
    "qwen3-2507": ("mistral-v1", CHATML, "qwen3-2507", "<|im_end|>"),
    "smollm2": ("mistral-v1", CHATML, "smollm2", "<|im_end|>"),
    "qwen2.5-escapes": ("mistral-v1", CHATML, "qwen2.5-escapes", "<|im_end|>"),
    "zephyr": ("mistral-v1", LLAMA, "zephyr", "</s>"),
    "phi3": ("mistral-v1", PHI3, "phi3", "<|end|>"),
    "phi3.5": ("mistral-v1", PHI3, "phi3.5", "<|end|>"),
    "phi3-small": ("mistral-v1", PHI3, "phi3-small", "<|end|>"),
    "phi3-first": ("mistral-v1", PHI3, "phi3-first", "<|end|>"),
    "phi3-medium": ("mistral-v1", PHI3, "phi3-medium", "<|end|>"),
}
SYSTEM_IN_LAST_QUESTION = ("mistral-v3", "mistral-nemo")
LOSES_SYSTEM = ("phi3-first", "phi3-medium")


def render(tokenizer, messages, prompt=False):
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt, date_string="26 Jul 2024")


def render_system_in_last_question(tokenizer, messages):
    """The template's text for a question with a system text, and for the answer that follows it without one."""
    if messages[-1]["role"] != A:
        return render(tokenizer, messages)
    plain = messages[1:]
    answer = render(tokenizer, plain)[len(render(tokenizer, plain[:-1])):]
    return render(tokenizer, messages[:-1]) + answer


def learned(tokenizer, messages, text, ids, end_of_turn):
    """1 for each token of an answer and its end of turn; None where prefixes of the conversation cannot tell."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    assert encoded["input_ids"] == ids
    special = set(tokenizer.added_tokens_decoder)  # may merge with white space of the answer
    marks = [0] * len(ids)
    for i, message in enumerate(messages):
        if message["role"] != A:
            continue
        before = render(tokenizer, messages[:i], prompt=True) if i > 0 else None
        if before is None or not text.startswith(before):
            return None
        begin = end = len(before)
        for _ in range(message["content"].count(end_of_turn) + 1):
            end = text.index(end_of_turn, end) + len(end_of_turn)
        for t, (first, last) in enumerate(encoded["offset_mapping"]):
            if last > begin and first < end and not (first < begin and ids[t] in special):
                marks[t] = 1
    return marks


def golden(model_file, name, tokenizer_config, template, end_of_turn):
    tokenizer_class = GemmaTokenizer if tokenizer_config["tokenizer_class"] == "GemmaTokenizer" else LlamaTokenizer
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(model_file, Path(folder, "tokenizer.model"))
        Path(folder, "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
        tokenizer = tokenizer_class.from_pretrained(folder)
    use_merges_of_model(tokenizer, model_file)
    tokenizer.chat_template = template
    rows = {}
    for title, messages in CONVERSATIONS.items():
        has_system = any(message["role"] == S for message in messages)
        if has_system and name in LOSES_SYSTEM:
            rows[title] = {"refused": "the template loses system text"}
            continue
        try:
            if messages[0]["role"] == S and name in SYSTEM_IN_LAST_QUESTION:
                text = render_system_in_last_question(tokenizer, messages)
                ids = tokenizer.encode(text, add_special_tokens=False)
            else:
                text = render(tokenizer, messages)
                ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False, date_string="26 Jul 2024")
            marks = learned(tokenizer, messages, text, ids, end_of_turn)
        except TemplateError as error:
            rows[title] = {"refused": str(error)}
            continue
        rows[title] = {"text": text, "ids": ids, "learned": marks}
        if messages[-1]["role"] == U:
            rows[title]["prompt"] = render(tokenizer, messages, prompt=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=ROOT / "tests/golden/tokenizers", help="folder with the .model files")
    parser.add_argument("--output", type=Path, default=ROOT / "tests/golden/chat")
    arguments = parser.parse_args()

    def write(name, content):
        text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
        for title in CONVERSATIONS:
            text = text.replace(f'"{title}":', f'\n"{title}":', 1)
        (arguments.output / name).write_text(text + "\n")

    write("conversations.json", CONVERSATIONS)
    for name, (model, tokenizer_config, template, end_of_turn) in CASES.items():
        text = (arguments.output / "templates" / f"{template}.jinja").read_text()
        rows = golden(arguments.models / f"{model}.model", name, tokenizer_config, text, end_of_turn)
        write(f"{name}.json", {"model": model, "tokenizer_config": tokenizer_config, "template": template, "conversations": rows})
        known = [row for row in rows.values() if "ids" in row]
        print(name, len(known), "written,", len(rows) - len(known), "refused,", sum(row["learned"] is None for row in known), "without marks")


if __name__ == "__main__":
    main()
