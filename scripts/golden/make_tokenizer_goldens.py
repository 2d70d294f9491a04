#!/usr/bin/env python3
"""Writes the tokenizer goldens: the ids and texts that the transformers package gives.

Needs transformers (the committed files are from 5.24), sentencepiece and protobuf.

    python scripts/golden/make_tokenizer_goldens.py
"""

import argparse
import json
import os
import random
import shutil
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import sentencepiece  # noqa: E402
from tokenizers.models import BPE  # noqa: E402
from transformers import GemmaTokenizer, LlamaTokenizer  # noqa: E402
from transformers.tokenization_utils_base import generate_merges  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]

TEXTS = [
    "", " ", "  ", "   ", "          ", "\n", "\t", "\r\n", "a", " a", "  a", "a ", "a  ",
    "Hello world", " Hello world", "  Hello  world ", "Once upon a time, there was a girl.",
    "▁", "▁a", "a▁b", " ▁a", "▁ a",
    "tabs\tand\t\ttabs", "line\nline\n\nline\n\n\n\nline\n", "\n\n  indented\n    more", "CRLF\r\nCRLF\r\n",
    "Ünïcödé àéîõü ñ ß ø å Œ", "Zażółć gęślą jaźń", "Příliš žluťoučký kůň", "Việt Nam đẹp lắm",
    "Съешь ещё этих мягких французских булок", "Καλημέρα κόσμε",
    "שלום עולם", "مرحبا بالعالم", "abc שלום \u200fdef\u200e", "हिन्दी में नमस्ते", "สวัสดีชาวโลก",
    "日本語のテキスト", "你好,世界!全角 空格", "한국어 텍스트",
    "👩‍👩‍👧‍👦 family", "🏳️‍🌈", "👍🏽👍", "🇫🇷🇩🇪", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈",
    "e\u0301 = é, A\u030a = Å, o\u0302\u0323", "\u0301start", "ﬁ ligature ½ ² ™ Å",
    "zero\u200bwidth\u200djoin\ufeffbom", "nb\u00a0sp \u2003em \u3000ideo \u2028ls",
    "a\x00b", "\x01\x02\x1b[0m\x7f\x80", "\ufffd\ufffe\U0010ffff",
    "<s>", "</s>", "<unk>", "<pad>", "<s></s>", "<s>Hi", "<s> Hi", " <s>Hi", "a<s>b", "a <s> b",
    "x</s>y", "x</s> y</s>", "<unk>x<unk> y", "<s", "s>", "<<s>>", "<S>", "< s >",
    "<bos>Hi<eos>", "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n", "<start_of_turn",
    "[INST] Hi [/INST] there</s>[INST]", "[INST]", "[INST", "[TOOL_CALLS] [{}]", "<<SYS>>\nx\n<</SYS>>\n\n",
    "<0x41>", "<0x0A>", "x<0xE2><0x96><0x81>y", "<0xZZ>",
    "<|im_start|>user\nhi<|im_end|>\n", "a<|im_start|> b <|im_end|> c", "a foo bar b", "a  foo bar  b", "foobar",
    "<extra>", "x <extra> <extra>  y", "<extra><extra2>", "<norm>", " <norm> ", "x<norm>y",
    "0123456789", "3.14159, 1,000,000 and 1e-10", "٣٤٥ १२३ ①②", "12 345", "00000000000000000000",
    "supercalifragilisticexpialidocious", "a" * 300, "ab" * 150, "Donaudampfschifffahrtsgesellschaftskapitän",
    "pneumonoultramicroscopicsilicovolcanoconiosis" * 3, "=" * 80, "-" * 33, " " * 17 + "x" + " " * 9,
    "def f(x):\n    return x ** 2  # square\n", "if (a && b) { c->d(\"e\\n\"); }\n", "https://example.org/a?b=c&d=%20#e",
    "{\"key\": [1, 2.5, null, true]}", "$\\frac{1}{2}$ \\alpha", "It's they're I'll 'quoted' “curly” ‘single’ — dash – …",
    "ALL CAPS and MiXeD CaSe", "trailing newline\n", "\nleading newline", "\r", "a\rb", "\v\f", "!!!???...",
]


def token(content, special=True, **flags):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False,
            "single_word": False, "special": special, **flags}


def config(name, **values):
    return {"tokenizer_class": name, "add_bos_token": True, **values}


LLAMA = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
ADDED = {
    "0": token("<unk>"), "1": token("<s>"), "2": token("</s>"),
    "32000": token("<|im_start|>"), "32001": token("<|im_end|>", rstrip=True),
    "32002": token("foo bar", special=False, normalized=True),
    "32003": token("<extra>", special=False, lstrip=True, rstrip=True),
    "32004": token("<extra2>", special=False), "32005": token("<norm>", special=False, normalized=True, lstrip=True),
}
# name: model, class, files next to the model
CASES = {
    "stories260K": ("stories260K", LlamaTokenizer, {}),
    "mistral-v1": ("mistral-v1", LlamaTokenizer, {"tokenizer_config.json": config("LlamaTokenizer", legacy=False, **LLAMA)}),
    "mistral-v1-legacy": ("mistral-v1", LlamaTokenizer, {"tokenizer_config.json": config("LlamaTokenizer", legacy=True, **LLAMA)}),
    "mistral-v1-no-prefix": ("mistral-v1", LlamaTokenizer, {"tokenizer_config.json": config("LlamaTokenizer", add_prefix_space=False, **LLAMA)}),
    "mistral-v1-added": ("mistral-v1", LlamaTokenizer, {"tokenizer_config.json": config("LlamaTokenizer", added_tokens_decoder=ADDED, **LLAMA)}),
    "mistral-v1-added-files": ("mistral-v1", LlamaTokenizer, {
        "tokenizer_config.json": config("LlamaTokenizer", **LLAMA),
        "special_tokens_map.json": {"pad_token": "<pad>", "extra_special_tokens": ["<|im_start|>", "<|im_end|>"]},
        "added_tokens.json": {"<|im_start|>": 32000, "<|im_end|>": 32001, "<pad>": 32002, "foo bar": 32003}}),
    "mistral-v3": ("mistral-v3", LlamaTokenizer, {"tokenizer_config.json": config("LlamaTokenizer", **LLAMA)}),
    "mistral-v3-legacy": ("mistral-v3", LlamaTokenizer, {"tokenizer_config.json": config("LlamaTokenizer", legacy=True, **LLAMA)}),
    "gemma": ("gemma-test", GemmaTokenizer, {"tokenizer_config.json": config("GemmaTokenizer")}),
    "gemma-added": ("gemma-test", GemmaTokenizer, {"tokenizer_config.json": config("GemmaTokenizer", mask_token="i", added_tokens_decoder={
        "2": token("<bos>"), "4": token("<start_of_turn>"), "290": token("foo bar", special=False, normalized=True)})}),
}


def use_merges_of_model(tokenizer, model_file):
    """Orders merges by the pieces' scores, as in the published tokenizer.json files.

    Where there is no tokenizer.json, transformers 5.24 orders them by id instead. That is the same but
    for runs of spaces in Llama's and Mistral's models, whose pieces have low ids and the lowest scores;
    SentencePiece, and so the models' training, went by score.
    """
    pieces = sentencepiece.SentencePieceProcessor(str(model_file))
    vocab = {pieces.id_to_piece(i): i for i in range(pieces.get_piece_size())}
    scores = {piece: pieces.get_score(i) for piece, i in vocab.items()}
    old = tokenizer._tokenizer.model
    tokenizer._tokenizer.model = BPE(vocab=vocab, merges=generate_merges(vocab, scores), unk_token=old.unk_token,
                                     fuse_unk=old.fuse_unk, byte_fallback=old.byte_fallback)


def golden(model_file, tokenizer_class, files):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(model_file, Path(folder, "tokenizer.model"))
        for name, content in files.items():
            Path(folder, name).write_text(json.dumps(content))
        tokenizer = tokenizer_class.from_pretrained(folder)
    use_merges_of_model(tokenizer, model_file)
    rows = []
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False)
        plain = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        rows.append({"ids": ids, "plain_ids": plain, "decoded": tokenizer.decode(ids),
                     "decoded_skip_special": tokenizer.decode(ids, skip_special_tokens=True)})
    draw = random.Random(7)
    decodes = []
    for _ in range(40):  # bytes and special tokens are among the first few hundred ids
        ids = [draw.randrange(min(len(tokenizer), draw.choice([4, 300, 1200, 40000]))) for _ in range(draw.randrange(1, 12))]
        decodes.append({"ids": ids, "decoded": tokenizer.decode(ids),
                        "decoded_skip_special": tokenizer.decode(ids, skip_special_tokens=True)})
    return {"size": len(tokenizer), "bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id,
            "texts": rows, "decodes": decodes}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=ROOT / "tests/golden/tokenizers", help="folder with the .model files")
    parser.add_argument("--stories", type=Path, default=ROOT / "data/stories260K/tokenizer.model")
    parser.add_argument("--output", type=Path, default=ROOT / "tests/golden/tokenizers")
    arguments = parser.parse_args()

    def write(name, content):
        text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
        (arguments.output / name).write_text(text.replace('},{"ids"', '},\n{"ids"') + "\n")

    write("texts.json", TEXTS)
    for name, (model, tokenizer_class, files) in CASES.items():
        file = arguments.stories if model == "stories260K" else arguments.models / f"{model}.model"
        write(f"{name}.json", {"model": model, "files": files, **golden(file, tokenizer_class, files)})
        print(name)


if __name__ == "__main__":
    main()
