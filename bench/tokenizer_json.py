"""Writes tokenizer.json next to a Llama's tokenizer.model, as in published models: python tokenizer_json.py DIR

From tokenizer.model alone, transformers 5.24 orders the merges of runs of spaces differently from SentencePiece, but
both programs of a comparison must read the same tokens.
"""

import json
import sys
from pathlib import Path

from transformers import LlamaTokenizer

sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts/golden"))
from make_tokenizer_goldens import use_merges_of_model  # noqa: E402

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def main():
    directory = Path(sys.argv[1])
    (directory / "tokenizer.json").unlink(missing_ok=True)
    config = directory / "tokenizer_config.json"
    config.write_text(json.dumps({"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, **TOKENS}))
    tokenizer = LlamaTokenizer.from_pretrained(directory)
    use_merges_of_model(tokenizer, directory / "tokenizer.model")
    (directory / "tokenizer.json").write_text(tokenizer._tokenizer.to_str(), encoding="utf-8")
    config.write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **TOKENS}))


if __name__ == "__main__":
    main()
