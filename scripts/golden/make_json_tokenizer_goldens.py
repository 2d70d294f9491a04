#!/usr/bin/env python3
"""Writes the goldens of tokenizer.json: small tokenizers built like published ones, with the ids
and texts that the tokenizers package gives (through transformers, which reads the files next to them).

Needs transformers (the committed files are from 5.24) with tokenizers (0.23).

    python scripts/golden/make_json_tokenizer_goldens.py                     # new ids and texts
    python scripts/golden/make_json_tokenizer_goldens.py --train a.txt b.gz  # the tokenizers too
    python scripts/golden/make_json_tokenizer_goldens.py --only NAME …       # some of them
"""

import argparse
import gzip
import json
import os
import random
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors  # noqa: E402
from tokenizers.models import BPE  # noqa: E402
from tokenizers.trainers import BpeTrainer  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

from make_tokenizer_goldens import ROOT, TEXTS, token  # noqa: E402

MORE_TEXTS = [
    "I'M YOU'LL we'Ve he'd SHE'S it's don't CAN'T 'S 'tis o'clock 'Re", "1 12 123 1234 12345678901234567890",
    "x1y22z333 ①②③ ½ Ⅷ 百 ٤٥٦", "  two\n\n\n three   \n  \t four\r\n\r\n  five \n", "\n\n\n\n", " \n \n ", "a \n", "\t\t\n\tx",
    "\u1100\u1161\u11a8 가\u11a8 각", "q\u0323\u0307 q\u0307\u0323 \u1e69 s\u0323\u0307", "ﬃ ﷺ ㍿ Å K Ω", "İstanbul ΑΣ ẞ ǅ",
    "\u0958 \u2adc \ufb1d \U0001d160", "nel\x85ls\u2028ps\u2029zw\u200bnb\u00a0og\u1680", "🧑🏽‍🚀🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️‍🔥 ☝🏿", "ไม่เป็นไร ខ្មែរ မြန်မာ ལྷ་ས",
    "\x00\x00 \x07", "中文,标点。测试!日本語、テスト。", "a  b   c    d     e", "$100.00 (50%) #1 @you a_b-c/d\\e ~^`|",
    "<|begin_of_text|>Hi<|eot_id|>", " <|begin_of_text|> Hi <|eot_id|> \n", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "<think>\nhm\n</think>\n\nyes <tool_call>", "a <|end|> \n b<|end|>  c", "<|user|> Hi <|end|>\n<|assistant|>", "word wordy wordy-word word_word, word.",
    "Word WORD ｗｏｒｄ", "a<both>b <both> c", "Two Words two  words two words", "<left>  <right>  x", "x  <left><right>\n y",
]

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
# Ministral 3 and other models whose vocabulary Mistral AI publishes as tekken.json.
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SEED = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
SPACE_MARK = "▁"


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def sequence(*steps):
    return pre_tokenizers.Sequence(list(steps))


def byte_level(prefix=False, regex=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=regex)


def special(content, **flags):
    return AddedToken(content, special=True, normalized=False, **flags)


def bos_template(name, tokenizer, eos=None):
    ends = [(name, tokenizer.token_to_id(name))] + ([(eos, tokenizer.token_to_id(eos))] if eos else [])
    after = f" {eos}" if eos else ""
    return processors.TemplateProcessing(single=f"{name} $A{after}", pair=f"{name} $A{after} $B:1", special_tokens=ends)


def train_byte_level(corpus, size, normalizer, pre_tokenizer, **options):
    tokenizer = Tokenizer(BPE(**options))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(corpus, BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train_marked(corpus, size, names, byte_fallback=True, **options):
    """A vocabulary of words that begin with the space marker: names, bytes, then the trained pieces."""
    trained = Tokenizer(BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trained.train_from_iterator(corpus, BpeTrainer(vocab_size=size, limit_alphabet=90, show_progress=False))
    model = json.loads(trained.to_str())["model"]
    tokens = list(names) + ([f"<0x{b:02X}>" for b in range(256)] if byte_fallback else [])
    tokens += sorted(model["vocab"], key=model["vocab"].get)
    runs = [SPACE_MARK * n for n in (2, 3, 4, 8)]
    merges = [(SPACE_MARK, SPACE_MARK), (SPACE_MARK * 2, SPACE_MARK), (SPACE_MARK * 2, SPACE_MARK * 2), (SPACE_MARK * 4, SPACE_MARK * 4)]
    vocab = {t: i for i, t in enumerate(dict.fromkeys(tokens + runs))}
    merges += [tuple(m) for m in model["merges"]]
    return Tokenizer(BPE(vocab=vocab, merges=merges, byte_fallback=byte_fallback, **options))


def marked_decoder(strip):
    steps = [decoders.Replace(SPACE_MARK, " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if strip else []))


def llama3(corpus):
    tokenizer = train_byte_level(corpus, 900, None, sequence(split(LLAMA3), byte_level()), ignore_merges=True)
    tokenizer.add_special_tokens([special(f"<|{n}|>") for n in ("begin_of_text", "end_of_text", "eot_id", "im_start", "im_end", "reserved_0")])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), bos_template("<|begin_of_text|>", tokenizer)])
    return tokenizer


def qwen2(corpus):
    tokenizer = train_byte_level(corpus, 700, normalizers.NFC(), sequence(split(QWEN), byte_level()))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens([special(f"<|{n}|>") for n in ("endoftext", "im_start", "im_end")])
    return tokenizer


def qwen3(corpus):
    tokenizer = qwen2(corpus)
    tokenizer.add_tokens([AddedToken(n, normalized=False) for n in ("<tool_call>", "</tool_call>", "<think>", "</think>")])
    return tokenizer


def tekken(corpus):
    names = ("unk", "s", "/s")
    tokenizer = train_byte_level(corpus, 700, None, sequence(split(TEKKEN), byte_level()), ignore_merges=True)
    tokenizer.add_special_tokens([special(f"<{n}>") for n in names] + [special(f"[{n}]") for n in (
        "INST", "/INST", "SYSTEM_PROMPT", "/SYSTEM_PROMPT", "TOOL_CALLS", "ARGS", "THINK", "/THINK")])
    tokenizer.post_processor = bos_template("<s>", tokenizer)
    return tokenizer


def seed_oss(corpus):
    tokenizer = train_byte_level(corpus, 600, None, sequence(split(SEED), byte_level()))
    tokenizer.add_special_tokens([special(f"<seed:{n}>") for n in ("bos", "pad", "eos", "think")])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def granite(corpus):
    """As StarCoder, GPT-2's with single digits."""
    steps = sequence(pre_tokenizers.Digits(individual_digits=True), byte_level(regex=True))
    tokenizer = train_byte_level(corpus, 600, None, steps)
    tokenizer.add_special_tokens([special(f"<|{n}|>") for n in ("end_of_text", "start_of_role", "end_of_role", "tool_call")])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def gpt2(corpus):
    tokenizer = train_byte_level(corpus, 600, None, byte_level(prefix=True, regex=True))
    tokenizer.add_special_tokens([special("<|endoftext|>")])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def deepseek(corpus):
    steps = sequence(split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"),
                     split(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
                           r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), byte_level())
    tokenizer = train_byte_level(corpus, 600, None, steps)
    tokenizer.add_special_tokens([special("<s>"), special("</s>")])
    tokenizer.post_processor = bos_template("<s>", tokenizer, "</s>")
    return tokenizer


def phi3(corpus):
    tokenizer = train_marked(corpus, 700, ("<unk>", "<s>", "</s>"), unk_token="<unk>", fuse_unk=True)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE_MARK), normalizers.Replace(" ", SPACE_MARK)])
    tokenizer.decoder = marked_decoder(True)
    tokenizer.add_special_tokens([special("<unk>"), special("<s>"), AddedToken("</s>", rstrip=True, normalized=False)])
    tokenizer.add_special_tokens([special(f"<|{n}|>", rstrip=True) for n in ("endoftext", "assistant", "end", "user")])
    tokenizer.add_tokens([AddedToken("two words", normalized=True), AddedToken("word", single_word=True, normalized=False)])
    tokenizer.post_processor = bos_template("<s>", tokenizer)
    return tokenizer


def gemma(corpus):
    tokenizer = train_marked(corpus, 700, ("<pad>", "<eos>", "<bos>", "<unk>"), unk_token="<unk>", fuse_unk=True)
    tokenizer.normalizer = normalizers.Replace(" ", SPACE_MARK)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = marked_decoder(False)
    tokenizer.add_special_tokens([special(n) for n in ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")])
    tokenizer.add_tokens([AddedToken("\n\n", normalized=False), AddedToken(SPACE_MARK * 5, normalized=False)])
    tokenizer.post_processor = bos_template("<bos>", tokenizer)
    return tokenizer


def gemma4(corpus):
    tokenizer = train_marked(corpus, 600, ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>"), unk_token="<unk>", fuse_unk=True)
    tokenizer.normalizer = normalizers.Replace(" ", SPACE_MARK)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = marked_decoder(False)
    tokenizer.add_special_tokens([special(n) for n in (
        "<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|tool>", "<|think|>")])
    tokenizer.post_processor = bos_template("<bos>", tokenizer)
    return tokenizer


def metaspace(corpus, scheme, split_words, **options):
    tokenizer = train_marked(corpus, 500, ("<unk>", "<s>", "</s>"), unk_token="<unk>", **options)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split_words)
    tokenizer.add_special_tokens([special("<unk>"), special("<s>"), special("</s>"), special("<left>", lstrip=True), special("<right>", rstrip=True)])
    return tokenizer


def metaspace_first(corpus):
    tokenizer = metaspace(corpus, "first", False, fuse_unk=True)
    tokenizer.decoder = marked_decoder(True)
    tokenizer.post_processor = bos_template("<s>", tokenizer)
    return tokenizer


def metaspace_always(corpus):
    tokenizer = metaspace(corpus, "always", True, byte_fallback=False, fuse_unk=False)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = bos_template("<s>", tokenizer, "</s>")
    return tokenizer


def metaspace_never(corpus):
    tokenizer = metaspace(corpus, "never", True, byte_fallback=False, fuse_unk=True)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
    return tokenizer


def medley(corpus):
    """A combination that no published tokenizer has: every remaining part once."""
    normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip(),
                                       normalizers.Replace(Regex("[\u2018\u2019]"), "'"), normalizers.Replace("…", "...")])
    steps = sequence(split(r"[\r\n]+", "removed"), split(r"\p{L}+", "merged_with_previous", True), split(r"[=-]", "contiguous"),
                     pre_tokenizers.Split("_", "merged_with_next"), pre_tokenizers.Digits(individual_digits=True),
                     pre_tokenizers.Punctuation("contiguous"), byte_level())
    tokenizer = train_byte_level(corpus, 500, normalizer, steps)
    tokenizer.add_special_tokens([special("<s>"), AddedToken("<Both>", lstrip=True, rstrip=True, normalized=True, special=True)])
    tokenizer.add_tokens([AddedToken("Word", single_word=True, normalized=True), AddedToken("<norm>", lstrip=True, normalized=True)])
    return tokenizer


def config(**values):
    return {"tokenizer_class": "PreTrainedTokenizerFast"} | values


# The rules of a tokenizer class instead of the file's own.
LLAMA_CLASS = config(tokenizer_class="LlamaTokenizer", bos_token="<s>", eos_token="</s>", unk_token="<unk>", legacy=False)
# name: how it is made, files next to tokenizer.json
CASES = {
    "llama3": (llama3, {"tokenizer_config.json": config(bos_token="<|begin_of_text|>", eos_token="<|end_of_text|>")}),
    "qwen2": (qwen2, {"tokenizer_config.json": config(
        add_bos_token=True, bos_token=None, eos_token="<|im_end|>", pad_token="<|endoftext|>", additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        added_tokens_decoder={"700": token("<|endoftext|>"), "701": token("<|im_start|>"), "702": token("<|im_end|>", rstrip=True)})}),
    "qwen3": (qwen3, {"tokenizer_config.json": config(eos_token="<|im_end|>", pad_token="<pad>"),
                      "added_tokens.json": {"<|im_start|>": 701, "<think>": 705}}),
    "gpt2": (gpt2, {"special_tokens_map.json": {"bos_token": "<|endoftext|>", "eos_token": {"content": "<|endoftext|>"}}}),
    "deepseek": (deepseek, {}),
    "phi3": (phi3, {"tokenizer_config.json": config(bos_token="<s>", eos_token="<|endoftext|>", unk_token="<unk>", add_bos_token=False)}),
    "gemma": (gemma, {"tokenizer_config.json": config(bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>")}),
    "gemma4": (gemma4, {"tokenizer_config.json": config(
        tokenizer_class="GemmaTokenizer", bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>", mask_token="<mask>"),
        "config.json": {"model_type": "gemma4"}}),
    "tekken": (tekken, {"tokenizer_config.json": config(
        tokenizer_class="LlamaTokenizerFast", bos_token="<s>", eos_token="</s>", unk_token="<unk>"), "config.json": {"model_type": "mistral3"}}),
    "seed-oss": (seed_oss, {"tokenizer_config.json": config(bos_token="<seed:bos>", eos_token="<seed:eos>", pad_token="<seed:pad>"),
                            "config.json": {"model_type": "seed_oss"}}),
    "granite": (granite, {"tokenizer_config.json": config(
        tokenizer_class="GPT2Tokenizer", bos_token="<|end_of_text|>", eos_token="<|end_of_text|>", unk_token="<|end_of_text|>"),
        "config.json": {"model_type": "granite"}}),
    "metaspace-first": (metaspace_first, {"tokenizer_config.json": config(bos_token="<s>", eos_token="</s>", extra_special_tokens=["two words"])}),
    "metaspace-always": (metaspace_always, {"tokenizer_config.json": config(bos_token="<s>", eos_token="</s>")}),
    "metaspace-never": (metaspace_never, {"tokenizer_config.json": config(eos_token="</s>")}),
    "llama-class": (phi3, {"tokenizer_config.json": LLAMA_CLASS, "config.json": {"model_type": "llama"}}),
    "llama-class-legacy": (phi3, {"tokenizer_config.json": {**LLAMA_CLASS, "legacy": True}}),
    "medley": (medley, {"tokenizer_config.json": config(eos_token="<s>")}),
}


def read_corpus(files):
    lines = []
    for file in files:
        opened = gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8")
        with opened as stream:
            lines += [line for line, _ in zip(stream, range(4000))]
    return lines + 20 * (TEXTS + MORE_TEXTS)


def compact(tokenizer, legacy_merges):
    content = json.loads(tokenizer.to_str())
    if legacy_merges:  # the format of files before tokenizers 0.20
        content["model"]["merges"] = [" ".join(merge) for merge in content["model"]["merges"]]
    return content


def golden(content, files):
    with tempfile.TemporaryDirectory() as folder:
        for name, value in {"tokenizer.json": content, **files}.items():
            Path(folder, name).write_text(json.dumps(value))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        alone = Tokenizer.from_file(str(Path(folder, "tokenizer.json")))
    named = files.get("tokenizer_config.json", {}).get("tokenizer_class")
    expected = named if named in ("LlamaTokenizer", "GemmaTokenizer") else "TokenizersBackend"
    assert type(tokenizer).__name__ == expected, type(tokenizer)
    rows = []
    for text in TEXTS + MORE_TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False)
        if not files:
            assert ids == alone.encode(text, add_special_tokens=False).ids, text
        row = {"ids": ids}
        # Left out where they are redundant, as in most rows.
        for key, value, usual in [
            ("plain_ids", tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True), ids),
            ("decoded", tokenizer.decode(ids), text),
            ("decoded_skip_special", tokenizer.decode(ids, skip_special_tokens=True), tokenizer.decode(ids)),
        ]:
            if value != usual:
                row[key] = value
        rows.append(row)
    draw = random.Random(7)
    decodes = []
    for _ in range(25):
        ids = [draw.randrange(min(len(tokenizer), draw.choice([4, 300, 100000]))) for _ in range(draw.randrange(1, 12))]
        decodes.append({"ids": ids, "decoded": tokenizer.decode(ids),
                        "decoded_skip_special": tokenizer.decode(ids, skip_special_tokens=True)})
    return {"size": max(tokenizer.get_vocab().values()) + 1, "bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id,
            "hello": tokenizer.encode("Hello"), "texts": rows, "decodes": decodes}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, nargs="+", default=[], metavar="TEXT", help="train the tokenizers anew on these files")
    parser.add_argument("--output", type=Path, default=ROOT / "tests/golden/tokenizers/json")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="NAME", help="of these tokenizers")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    corpus = read_corpus(arguments.train)

    def write(name, content):
        text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
        (arguments.output / name).write_text(text.replace('},{"ids"', '},\n{"ids"') + "\n")

    write("texts.json", TEXTS + MORE_TEXTS)
    for name in arguments.only:
        make, files = CASES[name]
        if arguments.train:
            content = compact(make(corpus), legacy_merges=name in ("gpt2", "phi3", "gemma"))
        else:
            content = json.loads((arguments.output / f"{name}.json").read_text())["tokenizer"]
        write(f"{name}.json", {"tokenizer": content, "files": files, **golden(content, files)})
        print(name)


if __name__ == "__main__":
    main()
