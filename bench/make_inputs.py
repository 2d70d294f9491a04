"""Makes the inputs of a benchmark in a cache folder: random models, their tokenizers, and texts as token ids.

    python bench/make_inputs.py --name random27M --model DIR/model --text F --ids DIR/ids.npy

This is a separate process, to keep the measuring one small: a child's peak memory starts at its
parent's. Existing files are not made again.
"""

import argparse
import json
import shutil
from pathlib import Path

import bench_models
import gemma3
import instruct

ROOT = Path(__file__).resolve().parents[1]
TOKENIZERS = ROOT / "tests/golden/tokenizers"
# 4096 pieces need more text than the training text alone: both texts in data/ are used.
TOKENIZER_TEXTS = (ROOT / "data/tinyshakespeare.train.txt", ROOT / "data/tinystories.valid.txt")


def train_tokenizer(file, pieces=4096):
    """A SentencePiece model (BPE, like Llama's) of the shipped texts: the same bytes each time, without paths."""
    import io

    from sentencepiece import SentencePieceTrainer

    lines = [line for text in TOKENIZER_TEXTS for line in text.read_text(encoding="utf-8").splitlines()]
    made = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=made, vocab_size=pieces, model_type="bpe", byte_fallback=True,
        character_coverage=1.0, normalization_rule_name="identity", num_threads=1, split_digits=True,
        allow_whitespace_only_pieces=True, remove_extra_whitespaces=False, unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
        minloglevel=2)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_suffix(".part").write_bytes(made.getvalue())
    file.with_suffix(".part").rename(file)


def tokenizer_of(model, cache):
    """The tokenizer.model for a random model."""
    if model.tokenizer == "trained":
        file = cache / "tokenizer-4096.model"
        if not file.is_file():
            train_tokenizer(file)
        return file
    return TOKENIZERS / {"mistral": "mistral-v1.model", "gemma": "gemma-test.model"}[model.tokenizer]


def make_small_llama(directory, config):
    """In float32, initialised by transformers."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    LlamaForCausalLM(LlamaConfig(**config)).save_pretrained(directory)


def make_large_llama(directory, config):
    """In bfloat16, one layer in memory at a time, one file per layer."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(1)
    c, head_dim = config, config["hidden_size"] // config["num_attention_heads"]
    h, p, keys = c["hidden_size"], c["intermediate_size"], c["num_key_value_heads"] * head_dim
    projections = {"self_attn.q_proj": (h, h), "self_attn.k_proj": (keys, h), "self_attn.v_proj": (keys, h),
                   "self_attn.o_proj": (h, h), "mlp.gate_proj": (p, h), "mlp.up_proj": (p, h), "mlp.down_proj": (h, p)}
    norms = ("input_layernorm", "post_attention_layernorm")
    files = [{f"model.layers.{i}.{name}.weight": shape for name, shape in projections.items()}
             | {f"model.layers.{i}.{name}.weight": (h,) for name in norms} for i in range(c["num_hidden_layers"])]
    head = {} if c["tie_word_embeddings"] else {"lm_head.weight": (c["vocab_size"], h)}
    files.append({"model.embed_tokens.weight": (c["vocab_size"], h), "model.norm.weight": (h,)} | head)
    directory.mkdir(parents=True, exist_ok=True)
    places, total = {}, 0
    for number, shapes in enumerate(files, start=1):
        file = f"model-{number:05}-of-{len(files):05}.safetensors"
        tensors = {name: torch.ones(shape, dtype=torch.bfloat16) if len(shape) == 1 else
                   torch.empty(shape, dtype=torch.bfloat16).normal_(0, 0.02) for name, shape in shapes.items()}
        save_file(tensors, directory / file, metadata={"format": "pt"})
        places |= dict.fromkeys(tensors, file)
        total += sum(2 * tensor.numel() for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    settings = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16",
                "hidden_act": "silu", "rms_norm_eps": 1e-5, "attention_bias": False, **config}
    (directory / "config.json").write_text(json.dumps(settings, indent=2) + "\n")


def make_model(model, directory, tokenizer):
    """The tokenizer is copied last: a directory that has it is complete."""
    if (directory / "tokenizer.model").is_file():
        return
    shutil.rmtree(directory, ignore_errors=True)
    if model.config is None:
        gemma3.make_model(model.name, directory)
        return
    (make_large_llama if model.large else make_small_llama)(directory, model.config)
    shutil.copyfile(tokenizer, directory / "tokenizer.model")


def encoder_of(directory):
    """[text] -> [ids] without special tokens, and the ids that begin a text."""
    if (directory / "tokenizer.json").is_file():
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        return (lambda texts: [one.ids for one in tokenizer.encode_batch_fast(texts, add_special_tokens=False)],
                tokenizer.encode("").ids)
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_file=str(directory / "tokenizer.model"))
    return processor.encode, [processor.bos_id()]


def config_of(directory):
    return json.loads((directory / "config.json").read_text())


def write_ids(directory, text, output):
    """The text's token ids, as one row in a .npy file."""
    import numpy

    vocabulary = config_of(directory)["vocab_size"]
    [found] = encoder_of(directory)[0]([Path(text).read_text(encoding="utf-8")])
    ids = numpy.array(found, dtype=numpy.int32)
    if ids.max() >= vocabulary:
        raise SystemExit(f"{directory}: token {ids.max()} found, expected ids below the vocabulary's {vocabulary}")
    numpy.save(output, ids)


def write_rows(directory, text, folder, length, count):
    """rows.jsonl and rows.npz: the same rows as texts and as ids. rows.json: their summary."""
    encode, bos = encoder_of(directory)
    eos = config_of(directory)["eos_token_id"]
    rows, encoded = instruct.fitting(instruct.make_rows(Path(text).read_text(encoding="utf-8")), encode, length, count,
                                     bos, eos[0] if isinstance(eos, list) else eos)
    if not rows:
        raise SystemExit(f"{text}: no paragraphs with a speaker's name found that fit into {length} tokens")
    instruct.save(rows, encoded, folder / "rows.jsonl", folder / "rows.npz")
    (folder / "rows.json").write_text(json.dumps(instruct.summary_of(encoded)) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="a name in bench_models.py; random27M-v8192 sets the vocabulary size")
    parser.add_argument("--model", type=Path, required=True, help="its directory, created if missing")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--ids", type=Path, required=True)
    parser.add_argument("--real", action="store_true", help="the directory holds the published model: do not make it")
    parser.add_argument("--rows", type=int, help="also write this many rows of prompt and completion")
    parser.add_argument("--length", type=int, help="most tokens of a row")
    options = parser.parse_args()
    model = bench_models.find(options.name)
    if model.tokenizer != "own" and not options.real:
        make_model(model, options.model, tokenizer_of(model, options.ids.resolve().parents[1]))
    write_ids(options.model, options.text, options.ids)
    if options.rows:
        write_rows(options.model, options.text, options.ids.resolve().parent, options.length, options.rows)


if __name__ == "__main__":
    main()
