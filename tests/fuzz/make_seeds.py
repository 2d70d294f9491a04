"""Writes the seeds of the fuzz targets: python make_seeds.py. Each is also a regression test."""

import json
import struct
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_seeds():
    w = tensor("F32", [2], 0, 8)
    valid = safetensors({"__metadata__": {"format": "pt"}, "w": w, "b": tensor("BF16", [2, 1], 8, 12)}, bytes(12))
    return {
        "valid": valid,
        "no-tensors": safetensors({}),
        "scalar-and-empty": safetensors({"s": tensor("I64", [], 0, 8), "e": tensor("U8", [0, 3], 8, 8)}, bytes(8)),
        "padded": safetensors(b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}   ', b"x"),
        "empty-file": b"",
        "short": b"\x02\0\0",
        "truncated-header": valid[:40],
        "truncated-data": valid[:-1],
        "trailing": valid + b"x",
        "huge-header": struct.pack("<Q", 2**63) + b"{}",
        "lfs-pointer": b"version https://git-lfs.github.com/spec/v1\n",
        "not-json": safetensors(b"{]"),
        "not-object": safetensors(b"[]"),
        "nul": safetensors(b"{}\0\0"),
        "bad-utf8": safetensors(b'{"\xff":{}}'),
        "duplicate": safetensors(b'{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
                                 b'"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
        "unknown-dtype": safetensors({"w": tensor("F7", [2], 0, 8)}, bytes(8)),
        "negative-size": safetensors({"w": tensor("F32", [-2], 0, 8)}, bytes(8)),
        "overflow": safetensors({"w": tensor("F32", [2**62, 4], 0, 0)}),
        "overflow-zero": safetensors({"w": tensor("F32", [0, 2**62, 4], 0, 0)}),
        "reversed": safetensors({"w": tensor("F32", [2], 8, 0)}, bytes(8)),
        "out-of-file": safetensors({"w": tensor("F32", [2], 2**64 - 8, 2**64 - 1)}, bytes(8)),
        "overlap": safetensors({"w": w, "v": tensor("F32", [2], 4, 12)}, bytes(12)),
        "hole": safetensors({"w": w, "v": tensor("F32", [1], 12, 16)}, bytes(16)),
        "wrong-size": safetensors({"w": tensor("F64", [2], 0, 8)}, bytes(8)),
        "metadata-number": safetensors({"__metadata__": {"n": 1}}),
        "deep": safetensors(b'{"a":' * 70),
    }


def index_seeds():
    def index(shard):
        return json.dumps({"metadata": {"total_size": 8}, "weight_map": {"w": shard}}).encode()

    return {
        "valid": index("model-00001-of-00001.safetensors"),
        "no-map": b"{}",
        "empty-map": b'{"weight_map":{}}',
        "not-object": b"[]",
        "metadata": b'{"metadata":1,"weight_map":{"w":"a.safetensors"}}',
        "up": index("../a.safetensors"),
        "absolute": index("/a.safetensors"),
        "backslash": index("a\\b.safetensors"),
        "nul": index("a\0.safetensors"),
        "pickle": index("pytorch_model.bin"),
        "number": index(1),
        "duplicate": b'{"weight_map":{"w":"a.safetensors","w":"b.safetensors"}}',
        "truncated": index("a.safetensors")[:30],
    }


def json_seeds():
    return {
        "config": json.dumps({"model_type": "gemma3_text", "rms_norm_eps": 1e-6, "tied": True, "window": None,
                              "layer_types": ["full", "sliding"], "rope": {"factor": 8.0}}).encode(),
        "bom": b"\xef\xbb\xbf{}",
        "escapes": rb'["\u00e9\ud83d\ude00\n\"\\"]',
        "numbers": b"[0,-0,1e3,-1.5E-7,18446744073709551615,-9223372036854775808,36893488147419103232]",
        "overflow": b"[1e999]",
        "surrogate": rb'["\ud800"]',
        "bad-utf8": b'["\xc0\xaf"]',
        "nul": b"{}\0x",
        "trailing": b"{} {}",
        "comma": b"[1,]",
        "duplicate": b'{"a":{"b":1,"b":2}}',
        "deep": b"[" * 65 + b"]" * 65,
        "empty": b"",
    }


def tokenizer_json_seeds():
    vocab = {t: i for i, t in enumerate(["<unk>", *"abcdehlorw1234.'_-", "Ġ", "Ċ", "Ã", "▁", "é", "你"])}
    vocab |= {f"<0x{b:02X}>": len(vocab) + i for i, b in enumerate([0xE2, 0x96, 0x81, 0xF0, 0x9F, 0x91, 0xA9, 0x0A])}
    for token in ("ab", "Ġa", "Ġab", "▁a", "▁▁", "he", "ll", "hell", "hello"):
        vocab[token] = len(vocab)
    merges = ["a b", "Ġ a", "Ġa b", "▁ a", "▁ ▁", ["h", "e"], ["l", "l"], ["he", "ll"], ["hell", "o"]]

    def added(content, id, **flags):
        return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True, **flags}

    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    ends = {n: {"id": n, "ids": [len(vocab) + i], "tokens": [n]} for i, n in enumerate(("<s>", "</s>"))}
    pieces = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]

    def file(model={}, **parts):
        whole = {"version": "1.0", "truncation": None, "padding": None,
                 "added_tokens": [added("<s>", len(vocab)), added("</s>", len(vocab) + 1, rstrip=True)],
                 "normalizer": None, "pre_tokenizer": byte_level, "decoder": byte_level,
                 "post_processor": {"type": "TemplateProcessing", "single": pieces, "pair": [], "special_tokens": ends}}
        content = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": "",
                   "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": merges}
        return json.dumps({**whole, **parts, "model": {**content, **model}}, ensure_ascii=False).encode()

    def sequence(key, *steps):
        return {"type": "Sequence", key: list(steps)}

    def split(pattern, behavior, invert=False):
        return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}

    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    back = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    marked = sequence("decoders", back, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0})
    llama3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
              r"|\s*[\r\n]+|\s+(?!\S)|\s+")
    return {
        "byte-level": file(),
        "llama3": file({"ignore_merges": True}, pre_tokenizer=sequence("pretokenizers", split({"Regex": llama3}, "Isolated"), {**byte_level, "use_regex": False})),
        "marked": file({"byte_fallback": True, "fuse_unk": True}, pre_tokenizer=None, decoder=marked,
                       normalizer=sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, replace)),
        "gemma": file({"byte_fallback": True}, normalizer=replace, pre_tokenizer=split({"String": " "}, "MergedWithPrevious"), decoder=marked),
        "metaspace": file(pre_tokenizer=metaspace, decoder=metaspace),
        "metaspace-old": file(pre_tokenizer={"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}, decoder=marked),
        "normalizers": file(normalizer=sequence("normalizers", *[{"type": n} for n in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase")],
                                                {"type": "Strip", "strip_left": True, "strip_right": True},
                                                {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "})),
        "pre-tokenizers": file(pre_tokenizer=sequence(
            "pretokenizers", split({"Regex": "[\r\n]+"}, "Removed"), split({"Regex": "\\p{L}+"}, "MergedWithNext", True),
            split({"String": "_"}, "Contiguous"), {"type": "Digits", "individual_digits": True},
            {"type": "Punctuation", "behavior": "MergedWithPrevious"}, byte_level)),
        "added": file(added_tokens=[added("<s>", len(vocab), lstrip=True, normalized=True), added("</s>", len(vocab) + 1),
                                    added("ab", vocab["ab"], special=False, single_word=True)]),
        "two-ends": file(post_processor=sequence("processors", byte_level, {
            "type": "TemplateProcessing", "single": pieces + [{"SpecialToken": {"id": "</s>", "type_id": 0}}], "pair": [], "special_tokens": ends})),
        "unigram": file({"type": "Unigram"}),
        "bad-regex": file(pre_tokenizer=split({"Regex": "(["}, "Isolated")),
        "slow-regex": file(pre_tokenizer=split({"Regex": "(\\w+\\w+)+\\d\\d\\d\\d\\d"}, "Isolated")),
        "keep": file(pre_tokenizer=split({"Regex": "(?=l\\K)|(?<=\\Ka)"}, "Isolated")),
        "unknown-merge": file({"merges": ["a x"]}),
        "twice": file({"vocab": {"a": 0, "b": 0}, "merges": []}),
        "huge-id": file({"vocab": {"a": 2**63}, "merges": []}),
        "sparse": file({"vocab": {"a": 4000000}, "merges": []}),
        "no-model": b'{"version":"1.0"}',
        "truncated": file()[:700],
        "empty": b"",
    }


def main():
    for target, seeds in {"safetensors": safetensors_seeds(), "index": index_seeds(), "json": json_seeds(),
                          "tokenizer_json": tokenizer_json_seeds()}.items():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        for name, content in seeds.items():
            (CORPUS / target / name).write_bytes(content)


if __name__ == "__main__":
    main()
