"""Writes the seeds of the fuzz targets: python make_seeds.py. Each is also a regression test."""

import gzip
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
        "two-boms": b"\xef\xbb\xbf\xef\xbb\xbf{}",
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


def as_bytes(json_value):
    return json.dumps(json_value, ensure_ascii=False).encode()


def model_config_seeds():
    llama = {"model_type": "llama", "vocab_size": 512, "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 5,
             "num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
             "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": True}
    gemma3 = {"model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 1152, "intermediate_size": 6912,
              "num_hidden_layers": 26, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
              "query_pre_attn_scalar": 256, "sliding_window": 512, "sliding_window_pattern": 6, "rope_theta": 1e6,
              "rope_local_base_freq": 1e4, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6,
              "hidden_activation": "gelu_pytorch_tanh"}

    def rope(**scaling):
        return as_bytes({**llama, "rope_scaling": scaling})

    return {
        "llama": as_bytes(llama),
        "llama3-rope": rope(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                            original_max_position_embeddings=8192),
        "yarn": rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=128),
        "linear": rope(type="linear", factor=2.0),
        "longrope": as_bytes({**llama, "model_type": "phi3", "original_max_position_embeddings": 128,
                              "rope_scaling": {"type": "longrope", "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}}),
        "gemma3": as_bytes(gemma3),
        "gemma3-image": as_bytes({"model_type": "gemma3", "text_config": gemma3, "vision_config": {}}),
        "gemma2": as_bytes({**gemma3, "model_type": "gemma2", "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}),
        "mistral": as_bytes({**llama, "model_type": "mistral", "sliding_window": 4096}),
        "hundred-million-layers": as_bytes({**gemma3, "model_type": "gemma2", "num_hidden_layers": 94534131}),
        "qwen2": as_bytes({**llama, "model_type": "qwen2", "use_sliding_window": True, "max_window_layers": 2,
                           "sliding_window": 128}),
        "qwen3": as_bytes({**llama, "model_type": "qwen3", "head_dim": 16, "layer_types": ["full_attention"] * 5}),
        "phi3": as_bytes({**llama, "model_type": "phi3", "partial_rotary_factor": 0.5}),
        "unknown": as_bytes({**llama, "model_type": "mamba"}),
        "huge": as_bytes({**llama, "hidden_size": 2**62, "num_attention_heads": 2**61}),
        "negative": as_bytes({**llama, "num_hidden_layers": -1}),
        "many-layers": as_bytes({**llama, "num_hidden_layers": 10**15}),
        "zero-heads": as_bytes({**llama, "num_attention_heads": 0}),
        "text-sizes": as_bytes({**llama, "hidden_size": "64"}),
        "list": b"[]",
        "quantised": as_bytes({**llama, "quantization_config": {"quant_method": "gptq"}}),
        "both-ropes": as_bytes({**llama, "rope_scaling": {"rope_type": "linear", "factor": 4.0},
                                "rope_parameters": {"rope_type": "default", "rope_theta": 500.0, "unknown": 3}}),
        "nested-rope": as_bytes({**gemma3, "rope_scaling": {"type": "linear", "factor": 8.0}, "rope_parameters": {
            "full_attention": {"rope_type": "yarn", "factor": None}, "sliding_attention": None, "other": []}}),
        "unread": as_bytes({**llama, "is_causal": True, "pad_token_id": -1, "attention_dropout": 0.1, "use_cache": "true",
                            "hidden_activation": "gelu", "num_experts": 0, "nobody_knows": {"a": [1]}, "head_dim": None}),
        "not-causal": as_bytes({**llama, "is_causal": None}),
        "smollm3": as_bytes({**llama, "model_type": "smollm3", "no_rope_layers": [1, 0, 1, 1, 0], "sliding_window": 9,
                             "use_sliding_window": True}),
        "granite": as_bytes({**llama, "model_type": "granite", "embedding_multiplier": 12.0, "logits_scaling": 8.0}),
        "ministral3": as_bytes({"model_type": "mistral3", "text_config": {**llama, "model_type": "ministral3"}}),
        "internlm3": as_bytes({**llama, "model_type": "internlm3", "qkv_bias": True, "bias": True}),
        "qwen2-vl": as_bytes({**llama, "model_type": "qwen2_vl", "vision_config": {},
                              "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]}}),
        "gemma4": as_bytes({"model_type": "gemma4_text", "num_hidden_layers": 12, "num_kv_shared_layers": 5,
                            "use_double_wide_mlp": True, "use_bidirectional_attention": None}),
        "gemma4-layers": as_bytes({"model_type": "gemma4_unified", "text_config": {
            "num_hidden_layers": 6, "per_layer_config": {"05": {"head_dim": 512, "num_key_value_heads": 1}, "77": {}}}}),
        "blocks": as_bytes({**llama, "model_type": "nemotron-nas", "block_configs": [
            {"attention": {"n_heads_in_group": 2}, "ffn": {"ffn_mult": 6.0, "sparsify": None}}] * 5}),
    }


def run_config_seeds():
    config = {"model": "base", "output": "out", "expansion": {"layers": [0, 2], "copies": 2}, "method": "new",
              "data": {"train": "a.txt", "validation": None, "max_length": 64},
              "training": {"max_steps": 8, "batch_size": 4, "learning_rate": 2e-3}}
    return {
        "small": as_bytes(config),
        "epochs": as_bytes({**config, "training": {"epochs": 2, "batch_tokens": 4096, "precision": "bfloat16",
                                                   "cache_prefix": "disk", "cache_prefix_limit": "500MB"}}),
        "mixed": as_bytes({**config, "data": {"train": [{"path": "a", "weight": 0.5}, {"path": "b.jsonl", "template": {
            "prompt": "Q: {q}", "completion": "{a}"}}]}}),
        "lora": as_bytes({**config, "method": "lora", "expansion": {}, "lora": {"rank": 8, "targets": ["q_proj"]}}),
        "auto": as_bytes({**config, "expansion": {"layers": {"auto": 3}, "copies": 3, "noise": 0.01}}),
        "retention": as_bytes({**config, "retention": {"weight": 1.0, "text": "self", "samples": 8}, "strength": "0.2:0.8"}),
        "evaluation": as_bytes({**config, "evaluation": {"original_tasks": ["wikitext"], "max_drop": {"each": "1%", "mean": "0.5%"},
                                                         "strengths": [0.5], "prompts": ["é"]}}),
        "last": as_bytes({**config, "method": "last:2", "expansion": {}}),
        "typo": as_bytes({**config, "trainning": {}}),
        "wrong-types": as_bytes({**config, "training": [], "data": 1, "expansion": {"layers": "all", "copies": 1e300}}),
        "empty": b"",
        "number": b"1",
    }


def task_seeds():
    choice = {"name": "t", "type": "choice", "data": "t.jsonl", "prompt": "{q}", "choices": ["{a}", "{b}"], "answer": "{label}"}
    return {
        "choice": as_bytes(choice),
        "perplexity": as_bytes({"name": "p", "type": "perplexity", "data": "t.txt", "block_length": 64}),
        "rolling": as_bytes({"name": "r", "type": "rolling", "data": "t.jsonl", "text": "{page|strip}"}),
        "continuation": as_bytes({"name": "c", "type": "continuation", "data": "t.jsonl", "prompt": "{q}", "answer": "{a}"}),
        "generate": as_bytes({"name": "g", "type": "generate", "data": "t.jsonl", "prompt": "{q}", "reference": "{a}", "max_tokens": 8,
                              "until": "\n", "metrics": [{"exact_match": {"extract": "(\\d+)"}}, "bleu"]}),
        "bad-template": as_bytes({**choice, "prompt": "{q"}),
        "bad-filter": as_bytes({**choice, "prompt": "{q|explode}"}),
        "bad-regex": as_bytes({"name": "g", "type": "generate", "data": "t", "prompt": "{q}", "reference": "{a}", "max_tokens": 8,
                               "metrics": [{"exact_match": {"extract": "(["}}]}),
        "typo": as_bytes({**choice, "chioces": []}),
        "list": b"[]",
    }


def template_seeds():
    row = as_bytes({"question": "2+2?", "answer": {"text": "4"}, "choices": ["a", "b"], "n": 1.5, "yes": True, "no": None,
                    "a.b": "dotted"})
    return {name: template + b"\n" + row for name, template in {
        "plain": b"Q: {question}\\nA:", "nested": b"{answer.text}{choices.1}{a.b}", "braces": b"{{x}} {question}",
        "list": b"{choices}", "filter": b"{question|strip|capitalize} x {|strip}", "missing": b"{nothing}", "null": b"{no}",
        "object": b"{answer}", "number": b"{n}{yes}", "unbalanced": b"{question", "close": b"a}b", "empty-name": b"{}",
        "bad-utf8": b"\xff{question}"}.items()} | {"no-row": b"{a}", "empty": b""}


def adapter_seeds():
    shapes = {"gate_proj": [3, 2], "up_proj": [3, 2], "down_proj": [2, 3]}

    def tensors(names_and_shapes):
        header, at = {}, 0
        for name, shape in names_and_shapes:
            size = 4 * shape[0] * shape[1]
            header[name] = tensor("F32", shape, at, at + size)
            at += size
        return safetensors(header, bytes(at))

    ours = {"format": "expandft-adapter", "format_version": 1, "base_model_name_or_path": "base", "base_fingerprint": "00ff",
            "method": "new", "layers": [1], "copies": 2, "num_hidden_layers": 2, "hidden_size": 2, "intermediate_size": 3,
            "strength": 1.0}
    copies = tensors([(f"model.layers.1.mlp.{name}.copy1.weight", shape) for name, shape in shapes.items()])
    narrow = {**ours, "format_version": 3, "widths": [2]}

    def narrow_copies(neurons, dtype="I64"):
        header, data = {}, b""
        for name, shape in {"gate_proj": [2, 2], "up_proj": [2, 2], "down_proj": [2, 2]}.items():
            header[f"model.layers.1.mlp.{name}.copy1.weight"] = tensor("F32", shape, len(data), len(data) + 16)
            data += bytes(16)
        numbers = struct.pack(f"<{len(neurons)}q", *neurons)
        header["model.layers.1.mlp.copy1.neurons"] = tensor(dtype, [len(neurons)], len(data), len(data) + len(numbers))
        return safetensors(header, data + numbers)

    peft = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": "base", "target_modules": ["q_proj"],
            "bias": "none", "task_type": "CAUSAL_LM"}
    module = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    pairs = tensors([(module + "A.weight", [2, 4]), (module + "B.weight", [4, 2])])

    def both(config, weights):
        return as_bytes(config) + b"\0" + weights

    return {
        "ours": both(ours, copies),
        "mlp": both({**ours, "format_version": 2, "method": "mlp"}, copies),
        "other-layers": both({**ours, "layers": [0, 5]}, copies),
        "newer": both({**ours, "format_version": 99}, copies),
        "huge": both({**ours, "layers": [2**63], "num_hidden_layers": 2**64 - 1}, copies),
        "many-copies": both({**ours, "copies": 10**9}, copies),
        "narrow": both(narrow, narrow_copies([0, 2])),
        "narrow-descending": both(narrow, narrow_copies([2, 0])),
        "narrow-out-of-range": both(narrow, narrow_copies([-1, 2**40])),
        "narrow-more": both(narrow, narrow_copies([0, 1, 2])),
        "narrow-whole": both(ours, narrow_copies([0, 2])),
        "narrow-widths": both({**narrow, "widths": [2**62]}, narrow_copies([0, 2])),
        "narrow-three-copies": both({**narrow, "copies": 3}, narrow_copies([0, 2])),
        "peft": both(peft, pairs),
        "peft-rslora": both({**peft, "use_rslora": True}, pairs),
        "peft-dora": both({**peft, "use_dora": True}, pairs),
        "peft-unpaired": both(peft, tensors([(module + "A.weight", [2, 4])])),
        "peft-rank": both({**peft, "r": 0}, pairs),
        "no-weights": as_bytes(ours),
        "torn": both(ours, copies[:60]),
        "broken-config": b'{"peft_type"\0' + pairs,
        "empty": b"",
    }


def rows_seeds():
    def lines(*rows):
        return b"".join(as_bytes(row) + b"\n" for row in rows)

    chat = {"messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"},
                         {"role": "assistant", "content": "yes"}]}
    return {
        "prompts": lines({"prompt": "a", "completion": "b"}, {"prompt": "", "completion": "é"}),
        "instructions": lines({"instruction": "a", "input": "", "output": "b"}),
        "text": lines({"text": "Once upon a time there was a line that is too long for a block"}),
        "templated": lines({"question": "2+2", "answer": ["4"]}),
        "chat": lines(chat),
        "chat-switches": lines({"system": "be kind", "conversations": [
            {"from": "human", "value": "hi", "id": 7}, {"from": "gpt", "value": "no", "weight": 0, "name": "x"},
            {"from": "human", "value": "hm"}, {"from": "gpt", "value": "yes", "train": True}], "tools": "[]"}),
        "history": lines({"instruction": "a", "input": "", "output": "b", "system": "c", "history": [["d", "e"], ["f", "g"]]}),
        "unread": lines(*({f"key{i}": i, "text": "Once"} for i in range(20))),
        "numbers": b'{"question": 1180591620717411303424, "answer": [1.10, 1e5, -0]}\n',
        "crlf": b'{"text": "a"}\r\n{"text": "b"}\r\n',
        "bom": b'\xef\xbb\xbf{"text": "a"}\n',
        "blank-lines": b'\n\n{"text": "a"}\n\n',
        "nul": b'{"text": "a\0b"}\n',
        "surrogate": b'{"text": "\\ud800"}\n',
        "bad-utf8": b'{"text": "\xff"}\n',
        "no-newline": b'{"text": "a"}',
        "half": b'{"text": "a',
        "array": as_bytes([{"text": "a"}, {"text": "b"}]),
        "long-answer": lines({"prompt": "a", "completion": "b" * 100}),
        "empty": b"",
        "blank": b" \n\t\n",
        "gzip": gzip.compress(lines({"text": "a"}), mtime=0),
    }


def tokenizer_model_seeds():
    def varint(number):
        out = b""
        while number > 127:
            out, number = out + bytes([number % 128 + 128]), number // 128
        return out + bytes([number])

    def field(number, content):
        return varint(number * 8 + 2) + varint(len(content)) + content

    def piece(text, kind=1):
        return field(1, field(1, text.encode()) + varint(2 * 8 + 5) + struct.pack("<f", -1.0) + varint(3 * 8) + varint(kind))

    pieces = piece("<unk>", 2) + piece("<s>", 3) + piece("</s>", 3) + b"".join(map(piece, ["▁", "a", "b", "▁a"])) + piece("<0x0A>", 6)
    trainer = field(2, varint(3 * 8) + varint(2))  # BPE
    return {
        "bpe": pieces + trainer,
        "unigram": pieces,
        "normalizer": pieces + field(3, field(1, b"identity") + varint(3 * 8) + varint(0)),
        "no-pieces": trainer,
        "bad-id": pieces + field(2, varint(40 * 8) + varint(10**6)),
        "torn": pieces[:20],
        "long-length": b"\x0a\xff\xff\xff\xff\x0f",
        "endless-varint": b"\xff" * 20,
        "bad-utf8": field(1, field(1, b"\xff\xfe")),
        "bad-utf8-piece": pieces.replace(b"<unk>", b"<unk\xcd"),
        "groups": b"\x0b\x0c" + pieces,
        "empty": b"",
    }


def chat_template_seeds():
    zephyr = ("{% for message in messages %}{% if message['role'] == 'user' %}{{ '<|user|>\n' + message['content'] + eos_token }}"
              "{% elif message['role'] == 'assistant' %}{{ '<|assistant|>\n'  + message['content'] + eos_token }}{% endif %}{% endfor %}")
    return {
        "text": as_bytes({"chat_template": zephyr}),
        "list": as_bytes({"chat_template": [{"name": "default", "template": zephyr}, {"name": "tool_use", "template": "x"}]}),
        "list-without-default": as_bytes({"chat_template": [{"name": "x", "template": zephyr}]}),
        "number": as_bytes({"chat_template": 1}),
        "damaged-list": as_bytes({"chat_template": [1, {"name": 2}, {}]}),
        "jinja": zephyr.encode(),
        "bad-utf8": zephyr.replace("|user|", "|us").encode() + b"\xff",
        "code": b"{% for x in range(10**9) %}{{ ''.__class__ }}{% endfor %}",
        "none": b"{}",
        "empty": b"",
    }


def jinja_seeds():
    return {
        "loop": b"{{ bos_token }}{% for m in messages %}{{ loop.index }} {{ m.role }}: {{ m['content'] | trim }}\n{% else %}-{% endfor %}",
        "tools": b"{%- for t in tools %}{{ t | tojson(indent=2) }}{{ t.function.name.split('f', 1) }}{% endfor -%}",
        "macro": b"{% macro m(a, b='x') %}{{ a ~ b }}{{ caller() if caller }}{% endmacro %}{% call m(1, b=2) %}c{% endcall %}{{ m(*[3]) }}",
        "recursion": b"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "recursive": b"{% for x in [1, [2, [3]]] recursive %}{{ loop(x) if x is not number else x }}{% endfor %}",
        "namespace": b"{% set ns = namespace(x=[1]) %}{% for i in range(9) %}{% set ns.x = [ns.x, ns] %}{% endfor %}{{ ns.x is defined }}",
        "filters": b"{{ messages | selectattr('role', 'eq', 'user') | map(attribute='content') | list | join(',') }}{{ {'b': 1, 'a': 2} | dictsort }}",
        "strings": "{{ 'a b'.split()[::-1] }}{{ '%5.2f|%s' % (n, 'é') }}{{ '{0:>5}{x}'.format(n, x=1) }}{{ 'ß'.upper()[1:] }}".encode(),
        "numbers": b"{{ 7 // -2 }}{{ 1_0.5e1 }}{{ 0x1F ** 2 }}{{ 2.675 | round(2) }}{{ 'x' | int }}",
        "blocks": b"{% set x | upper %}a{% endset %}{% filter trim %} b {% endfilter %}{% with y = x %}{{ y }}{% endwith %}{% generation %}g{% endgeneration %}",
        "spaces": b"a \n  {%- if true -%} b {%+ endif +%}\r\n{# c #}\n{% raw %}{{ x }}{%- endraw %}",
        "deep": b"{{ " + b"(" * 300 + b"1" + b")" * 300 + b" }}",
        "open": b"{% if x %}{{ 'a",
        "bad-utf8": b"{{ '\xff' }}",
        "empty": b"",
    }


def snapshot_seeds():
    state = {"format": "expandft-snapshot", "format_version": 2, "step": 5, "epoch": 1, "pack": 3, "tokens": 1000, "targets": 900,
             "first_loss": 3.25, "last_loss": 0.5, "validation_before": 0.6, "total_steps": 20,
             "validations": {"data": "56ef", "last": {"step": 5, "loss": 1.5}, "best": {"step": 1, "loss": 0.3}, "since_best": 3},
             "gradient_norms": [0.1, 2.0]}
    return {
        "state": as_bytes(state),
        "no-validation": as_bytes({**state, "validation_before": None}),
        "negative": as_bytes({**state, "step": -1}),
        "huge": as_bytes({**state, "tokens": 2**64 - 1}),
        "half": as_bytes({**state, "pack": 1.5}),
        "norms": as_bytes({**state, "gradient_norms": ["x"]}),
        "validations": as_bytes({**state, "validations": {"data": 1}}),
        "missing": as_bytes({"step": 1}),
        "list": b"[]",
    }


def gguf(keys=(), tensors=(), data=b"", version=3):
    """keys: (name, type, bytes); tensors: (name, dimensions, type, offset)."""
    def text(value):
        return struct.pack("<Q", len(value)) + value

    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    for name, kind, value in keys:
        out += text(name) + struct.pack("<I", kind) + value
    for name, dimensions, kind, offset in tensors:
        out += text(name) + struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
        out += struct.pack("<IQ", kind, offset)
    return out + bytes(-len(out) % 32) + data


def gguf_model_keys(name, tokenizer):
    def text(value):
        return struct.pack("<Q", len(value)) + value

    def texts(values):
        return struct.pack("<IQ", 8, len(values)) + b"".join(map(text, values))

    def number(value):
        return struct.pack("<I", value)

    def key(suffix):
        return name + b"." + suffix

    keys = [(b"general.architecture", 8, text(name)), (key(b"block_count"), 4, number(1)),
            (key(b"embedding_length"), 4, number(4)), (key(b"feed_forward_length"), 4, number(32)),
            (key(b"attention.head_count"), 4, number(2)), (key(b"context_length"), 4, number(64)),
            (key(b"attention.sliding_window"), 4, number(64)), (key(b"rope.freq_base"), 6, struct.pack("<f", 1e4)),
            (key(b"attention.layer_norm_rms_epsilon"), 6, struct.pack("<f", 1e-6)),
            (b"tokenizer.ggml.model", 8, text(tokenizer)), (b"tokenizer.ggml.bos_token_id", 4, number(1))]
    if tokenizer == b"llama":
        tokens = [b"<unk>", b"<s>", b"a", b"b", b"ab", "\u2581a".encode()]
        keys += [(b"tokenizer.ggml.tokens", 9, texts(tokens)),
                 (b"tokenizer.ggml.scores", 9, struct.pack("<IQ6f", 6, 6, 0, 0, -5, -6, -1, -2)),
                 (b"tokenizer.ggml.token_type", 9, struct.pack("<IQ6i", 5, 6, 2, 3, 1, 1, 1, 1))]
    else:
        keys += [(b"tokenizer.ggml.pre", 8, text(b"llama-bpe")),
                 (b"tokenizer.ggml.tokens", 9, texts([b"a", b"b", b"ab", b"<|end|>"])),
                 (b"tokenizer.ggml.merges", 9, texts([b"a b"])),
                 (b"tokenizer.ggml.token_type", 9, struct.pack("<IQ4i", 5, 4, 1, 1, 1, 3)),
                 (b"tokenizer.chat_template", 8, text(b"{{ messages }}"))]
    return keys


def gguf_seeds():
    embedding, norm = (b"token_embd.weight", [4, 6], 0, 0), (b"output_norm.weight", [4], 0, 96)
    query, down = (b"blk.0.attn_q.weight", [4, 4], 1, 128), (b"blk.0.ffn_down.weight", [32, 4], 2, 160)
    tensors, data = [embedding, norm, query, down], bytes(240)
    spm = gguf_model_keys(b"llama", b"llama")
    valid = gguf(spm, tensors, data)
    return {
        "spm": valid,
        "bpe": gguf(gguf_model_keys(b"qwen2", b"gpt2"), tensors, data, version=2),
        "gemma3": gguf(gguf_model_keys(b"gemma3", b"llama"), tensors, data),
        "vocabulary-only": gguf(spm),
        "k-quants": gguf((), [(b"%d" % i, [256], i, 256 * (i - 10)) for i in range(10, 15)], bytes(range(256)) * 5),
        "rope-factors": gguf(spm, [*tensors, (b"rope_freqs.weight", [1], 0, 256)], data + bytes(16) + b"\0\0\0\x41"),
        "empty": b"",
        "magic": b"GGUF",
        "big-endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
        "many-tensors": b"GGUF" + struct.pack("<IQQ", 3, 2**64 - 1, 0),
        "many-keys": b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63),
        "long-text": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**64 - 1) + bytes(32),
        "long-array": gguf([(b"k", 9, struct.pack("<IQ", 0, 2**62))]),
        "nested-array": gguf([(b"k", 9, struct.pack("<IQ", 9, 1))]),
        "many-layers": gguf([(n, 10, struct.pack("<Q", 2**62)) if b"block_count" in n else (n, t, v) for n, t, v in spm],
                            tensors, data),
        "overflow": gguf((), [(b"w", [2**62, 4], 0, 0)]),
        "far": gguf((), [(b"w", [4], 0, 2**64 - 32)]),
        "overlap": gguf((), [(b"v", [16], 0, 0), (b"w", [8], 0, 32)], bytes(64)),
        "unknown-type": gguf((), [(b"w", [256], 16, 0)], bytes(66)),
        "truncated": valid[: len(valid) // 2],
    }


def main():
    for name, function in sorted(globals().items()):
        if not name.endswith("_seeds"):
            continue
        folder = CORPUS / name.removesuffix("_seeds")
        folder.mkdir(parents=True, exist_ok=True)
        for seed, content in function().items():
            (folder / seed).write_bytes(content)


if __name__ == "__main__":
    main()
