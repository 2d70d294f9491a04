#!/usr/bin/env python3
"""Writes the goldens of tokenizer_config.json: the ids of texts when one of its fields is edited, and for
every type of model with every tokenizer_class, as transformers' AutoTokenizer gives them (the committed files are from
5.24).

    python scripts/golden/make_tokenizer_config_goldens.py
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
from transformers import AutoTokenizer  # noqa: E402

from make_tokenizer_goldens import ROOT  # noqa: E402

FOLDER = ROOT / "tests/golden/tokenizers"
TEXTS = ["Hello world", " it's <tool> upon</s> a time\n\nLINE 123", "<|im_start|>user\nHi<|im_end|>\n<s>x <bos>é🙂",
         "a <|eot_id|> b<start_of_turn>c two words <unk>"]
# Bases, named by the goldens that hold their files; and tokenizer_config.json's content where it differs.
LLAMA = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": False, "bos_token": "<s>",
         "eos_token": "</s>", "unk_token": "<unk>"}
BASES = {"json/llama3": {}, "json/qwen2": {}, "json/gpt2": {}, "json/phi3": {}, "json/llama-class": {},
         "json/gemma": {"tokenizer_class": "GemmaTokenizer", "mask_token": None}, "json/qwen3": {"tokenizer_class": "Qwen2Tokenizer"},
         "gemma": {"mask_token": None}, "stories260K": LLAMA}

FLAGS = ["split_special_tokens", "add_bos_token", "add_eos_token", "add_prefix_space", "legacy", "do_lower_case",
         "clean_up_tokenization_spaces", "use_default_system_prompt", "spaces_between_special_tokens", "trim_offsets",
         "fix_mistral_regex", "is_local", "local_files_only", "strip_accents", "remove_space", "keep_accents", "from_slow",
         "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", "a_flag_of_tomorrow"]
TOKENS = ["</s>", "<|im_start|>", "<new>", None]
EDITS = {
    **{flag: [True, False, "true", None] for flag in FLAGS},
    **{name: TOKENS for name in ("bos_token", "eos_token", "pad_token", "mask_token", "sep_token", "cls_token")},
    "image_token": ["<tool>", "Hello"], "additional_special_tokens": [["<tool>"], ["<|im_start|>", "<new>"], "<tool>"],
    "extra_special_tokens": [["<tool>", "world"], {"tool": "<tool>"}, []],
    "model_specific_special_tokens": [{"tool": "<tool>"}], "added_tokens_decoder": [{}],
    "tokenizer_class": ["TokenizersBackend", "PreTrainedTokenizerFast", "LlamaTokenizer", "LlamaTokenizerFast",
                        "GemmaTokenizerFast", "Qwen2Tokenizer", "GPT2TokenizerFast", "GPTNeoXTokenizerFast", "Qwen3_5Tokenizer",
                        "CodeLlamaTokenizer", "CohereTokenizerFast", "ATokenizerOfTomorrow", None],
    "sp_model_kwargs": [{}, {"enable_sampling": True, "alpha": 0.1, "nbest_size": -1}],
    "auto_map": [{"AutoTokenizer": ["tok.Tok", None]}, {"AutoModel": "m.M"}], "model_max_length": [2, 10**30],
    "truncation_side": ["left"], "padding_side": ["left"], "errors": ["strict"], "backend": ["tokenizers", "sentencepiece"],
    "chat_template": ["x", [{"name": "default", "template": "x"}]], "model_input_names": [["input_ids"]],
    "tokenizer_file": ["other.json"], "vocab_file": ["other.model"], "merges_file": ["m.txt"], "name_or_path": ["a/b"],
    "max_length": [2], "pad_to_multiple_of": [8], "response_template": [{"x": 1}], "chat_control_tokens": [["<tool>"]],
    "processor_class": ["P"], "transformers_version": ["4.57.0"], "a_field_of_tomorrow": ["x", 0.5, ["x"], {"x": 1}],
}

MODEL_TYPES = ["", "llama", "mistral", "ministral", "ministral3", "gemma", "gemma2", "gemma3_text", "gemma4_text",
               "gemma4_unified_text", "vaultgemma", "qwen2", "qwen3", "phi3", "smollm3", "granite", "seed_oss", "cwm",
               "internlm3", "iquestcoder", "gemma3", "gemma4", "gemma4_unified", "mistral3", "llava", "smolvlm",
               "qwen2_vl", "qwen2_5_vl", "qwen3_vl"]
CLASSES = [None, "PreTrainedTokenizerFast", "TokenizersBackend", "LlamaTokenizerFast", "GemmaTokenizer", "GPT2Tokenizer",
           "Qwen2TokenizerFast"]
CLASS_BASES = ["json/llama3", "json/phi3", "json/gemma4"]


def files_of(base):
    golden = json.loads((FOLDER / f"{base}.json").read_text())
    return golden.get("model"), golden.get("tokenizer"), golden["files"]


def ids_of(folder):
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        return [tokenizer(text)["input_ids"] for text in TEXTS]
    except Exception:
        return "fails"


def write_files(folder, base):
    model, tokenizer, files = files_of(base)
    for file, value in files.items():
        (folder / file).write_text(json.dumps(value))
    if tokenizer:
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    else:
        source = FOLDER / f"{model}.model"
        source = source if source.is_file() else ROOT / "data" / model / "tokenizer.model"
        shutil.copy(source, folder / "tokenizer.model")
    return files.get("tokenizer_config.json", {})


def write_classes():
    """classes.json: for each base the ids that occur, and for each type of model the number of those that each class of
    CLASSES gives."""
    out = {"texts": TEXTS, "classes": CLASSES, "bases": {}}
    for base in CLASS_BASES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            config = write_files(folder, base) | {"mask_token": None}
            found, rows = [], {}
            for model_type in MODEL_TYPES:
                (folder / "config.json").write_text(json.dumps({"model_type": model_type} if model_type else {}))
                rows[model_type] = []
                for tokenizer_class in CLASSES:
                    changed = {key: value for key, value in config.items() if key != "tokenizer_class"}
                    if tokenizer_class:
                        changed["tokenizer_class"] = tokenizer_class
                    (folder / "tokenizer_config.json").write_text(json.dumps(changed))
                    ids = ids_of(folder)
                    if ids not in found:
                        found.append(ids)
                    rows[model_type].append(found.index(ids))
        out["bases"][base] = {"config": config, "ids": found, "model_types": rows}
    text = json.dumps(out, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / "classes.json").write_text(text.replace("],\"", "],\n\"") + "\n")


def main():
    write_classes()
    out = {"texts": TEXTS, "bases": {}}
    for base, changes in BASES.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            config = write_files(folder, base) | changes

            def edited(**edit):
                (folder / "tokenizer_config.json").write_text(json.dumps(config | edit))
                return ids_of(folder)
            ids = edited()
            rows = []
            for field, values in EDITS.items():
                for value in values:
                    found = edited(**{field: value})
                    rows.append([field, value] + ([] if found == ids else [found]))
        out["bases"][base] = {"config": config, "ids": ids, "edits": rows}
    lines = json.dumps({"texts": out["texts"]}, ensure_ascii=False)[:-1] + ', "bases": {'
    for i, (base, golden) in enumerate(out["bases"].items()):
        lines += ("," if i else "") + f'\n"{base}": {{"config": {json.dumps(golden["config"], ensure_ascii=False)},'
        lines += f'\n"ids": {json.dumps(golden["ids"])}, "edits": [\n'
        lines += ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in golden["edits"]) + "]}"
    (FOLDER / "config-edits.json").write_text(lines + "}}\n")


if __name__ == "__main__":
    main()
