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


def main():
    for target, seeds in {"safetensors": safetensors_seeds(), "index": index_seeds(), "json": json_seeds()}.items():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        for name, content in seeds.items():
            (CORPUS / target / name).write_bytes(content)


if __name__ == "__main__":
    main()
