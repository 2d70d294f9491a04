"""Makes what a benchmark runs on, in a cache folder: the random model, and texts as token ids.

A process of its own, so that the one that measures stays small: a child's peak memory starts at
its parent's.
"""

import argparse
import json
import shutil
from pathlib import Path

RANDOM_LLAMA = {"hidden_size": 288, "num_hidden_layers": 6, "num_attention_heads": 6, "num_key_value_heads": 6,
                "intermediate_size": 768, "vocab_size": 32000, "max_position_embeddings": 1024,
                "tie_word_embeddings": True}


def make_random_llama(directory, tokenizer):
    """A Llama of 15 M random weights, with the tokenizer of 32000 pieces beside it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    LlamaForCausalLM(LlamaConfig(**RANDOM_LLAMA)).save_pretrained(directory)
    shutil.copyfile(tokenizer, directory / "tokenizer.model")


def write_ids(directory, text, output):
    """The text's token ids, as one row in a .npy file."""
    import numpy
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_file=str(directory / "tokenizer.model"))
    vocabulary = json.loads((directory / "config.json").read_text())["vocab_size"]
    ids = numpy.array(processor.encode(Path(text).read_text(encoding="utf-8")), dtype=numpy.int32)
    if ids.max() >= vocabulary:
        raise SystemExit(f"{directory}: token {ids.max()} found, expected ids below the vocabulary's {vocabulary}")
    numpy.save(output, ids)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="made where it is not there and --tokenizer is given")
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--ids", type=Path, required=True)
    options = parser.parse_args()
    if options.tokenizer and not (options.model / "tokenizer.model").exists():
        make_random_llama(options.model, options.tokenizer)
    write_ids(options.model, options.text, options.ids)


if __name__ == "__main__":
    main()
