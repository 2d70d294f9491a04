"""The command line of scripts/bench."""

import argparse
import json
import os
from pathlib import Path

import bench_models
import device
import page
import work

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("text", "instruct")
PARTS = ("training", "prefix-cache", "cost", "scaling", "data")
PLACES = {"training": "bench", "prefix-cache": "bench-prefix-cache", "cost": "bench-cost",
          "scaling": "bench-scaling", "data": "bench-data"}
BY_MODEL = ("training", "prefix-cache")  # these parts have a place for published models, and one for toys
METHODS = {"expandft": "expandft, `new`, {layers}, k = {copies}", "lora": "PEFT LoRA, r = {rank}, all projections",
           "full": "transformers, full fine-tuning"}


def make_parser(description):
    parser = argparse.ArgumentParser(prog="scripts/bench", description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART",
                        help=f"one or several of {', '.join(PARTS)} (default: training and prefix-cache)")
    parser.add_argument("--cost", action="store_true", help="only the part cost")
    parser.add_argument("--binary", type=Path,
                        default=os.environ.get("EXPANDFT_BINARY", ROOT / "build/release/bin/expandft"),
                        help="the expandft program (default: $EXPANDFT_BINARY, or the release preset's)")
    parser.add_argument("--models", default=",".join(bench_models.TOYS),
                        help="for training and prefix-cache: comma-separated, of " + ", ".join(bench_models.MODELS))
    parser.add_argument("--real", type=Path, default=os.environ.get("EXPANDFT_REAL_MODELS") or None, metavar="DIR",
                        help="folder of published models in Hugging Face directories, gemma-3-270m and "
                             "SmolLM2-135M-Instruct (default: $EXPANDFT_REAL_MODELS; without it, random weights)")
    parser.add_argument("--kinds", default="text,instruct",
                        help="for published models: kinds of data (default: text,instruct)")
    parser.add_argument("--methods", default=",".join(METHODS), help="comma-separated, of " + ", ".join(METHODS))
    parser.add_argument("--peers", action="store_true", help="for cost: measure the peers too")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:0 (default: cpu)")
    parser.add_argument("--precision", choices=["float32", "bfloat16", "best"],
                        help="for all programs; best: expandft in both, each peer in its faster one (default: best for "
                             "published models on a CPU, float32 for others there, bfloat16 on a GPU)")
    parser.add_argument("--attentions", type=lambda text: text.split(","),
                        help="of published models' peers, comma-separated (default: sdpa,eager; a trial decides)")
    parser.add_argument("--step-limit", type=float, default=120,
                        help="for published models: seconds that a step may take (default: 120)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="steps of a run (default: 4 to 60, by model)")
    parser.add_argument("--warmup-steps", type=int,
                        help="first steps of a run, which are not measured (default: 5; 1 for published models)")
    parser.add_argument("--batch", type=int, help="sequences of a step (default: 4; 8 for published models)")
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ranks", default="1,2", help="for scaling: numbers of ranks (default: 1,2)")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--copies", type=int, default=2)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between runs")
    parser.add_argument("--product-seconds", type=float, default=0.15, help="time to measure the rate of each product")
    parser.add_argument("--stories", type=Path, default=ROOT / "data/stories260K")
    parser.add_argument("--text", type=Path, default=ROOT / "data/tinyshakespeare.train.txt")
    parser.add_argument("--more-text", type=Path, nargs="*", default=[ROOT / "data/tinystories.valid.txt"],
                        help="for data: texts in addition to --text")
    parser.add_argument("--multi30k", type=Path, help="for data: a folder with train.en.gz and train.fr.gz")
    parser.add_argument("--tokenizers", type=Path, nargs="+", default=[ROOT / "data/stories260K"], metavar="MODEL",
                        help="for data: directories of small models whose tokenizers are measured")
    parser.add_argument("--rows", type=int, default=29_000, help="number of rows, for data and instruct")
    parser.add_argument("--megabytes", type=int, default=100, help="for data: size of the plain text")
    parser.add_argument("--before", type=Path, help="for data: another expandft program to compare with")
    parser.add_argument("--cache", type=Path, default=ROOT / "build/bench", help="folder for models and runs")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/performance.md")
    parser.add_argument("--write", action="store_true",
                        help="write tables into the page, and charts next to it: <page>.svg, <page>-toys.svg, "
                             "<page>-cost.svg")
    return parser


def chosen(parser, text, known):
    names = text.split(",") if isinstance(text, str) else text
    for name in names:
        if name not in known:
            parser.error(f"{name!r} found, expected one of {', '.join(known)}")
    return names


def parse(description, arguments=None):
    parser = make_parser(description)
    options = parser.parse_args(arguments)
    options.parts = chosen(parser, options.parts or (["cost"] if options.cost else ["training", "prefix-cache"]), PARTS)
    options.models = chosen(parser, options.models, bench_models.MODELS)
    options.methods = chosen(parser, options.methods, METHODS)
    options.kinds = chosen(parser, options.kinds, KINDS)
    if not all(count.isdigit() and int(count) > 0 for count in options.ranks.split(",")):
        parser.error(f"--ranks {options.ranks}: numbers from 1 expected, as in 1,2,4")
    options.ranks = [int(count) for count in options.ranks.split(",")]
    options.binary, options.stories = Path(options.binary).resolve(), options.stories.resolve()
    options.text, options.cache = options.text.resolve(), options.cache.resolve()
    options.real = options.real and Path(options.real).resolve()
    options.tokenizers = [model.resolve() for model in options.tokenizers]
    if ("expandft" in options.methods or options.parts != ["training"]) and not options.binary.is_file():
        parser.error(f"{options.binary} does not exist: build expandft first, "
                     "or measure the peers with: training --methods lora,full")
    if options.device != "cpu" and device.gpu_name(options.device) is None:
        parser.error(f"--device {options.device}: no such GPU here, nvidia-smi finds none")
    check_steps(parser, options)
    check_published(parser, options)
    if "training" in options.parts:
        check_memory(parser, options)
    if options.write and (missing := page.missing_markers(options.page, places_of(options))):
        parser.error(missing)
    return options


def models_of(part, options):
    """The models that a part measures."""
    models = [bench_models.MODELS[name] for name in options.models]
    if part == "prefix-cache":  # one of each kind
        toys = [bench_models.find("random27M")] if any(not model.published for model in models) else []
        return [model for model in models if model.published] + toys
    return models if part == "training" else []


def place_of(part, model):
    """Where the page has a part's result for this model."""
    return PLACES[part].replace("bench", "bench-real") if model.published else PLACES[part]


def places_of(options):
    """The places that a run writes to."""
    return list(dict.fromkeys(
        place for part in options.parts for place in
        ([place_of(part, model) for model in models_of(part, options)] if part in BY_MODEL else [PLACES[part]])))


def check_steps(parser, options):
    for model in models_of("training", options):
        warmup = model.warmup_steps if options.warmup_steps is None else options.warmup_steps
        if options.steps is not None and options.steps <= warmup:
            parser.error(f"--steps {options.steps}: more than the {warmup} of --warmup-steps expected")


def check_published(parser, options):
    """Published models that are asked for must be there and have the shape that the work is counted for."""
    for model in models_of("training", options):
        if directory := bench_models.published_directory(model, options.real):
            file = directory / "config.json"
            if not file.is_file():
                parser.error(f"{file} not found: without --real and EXPANDFT_REAL_MODELS, "
                             f"{model.name} has random weights")
            found, expected = (work.Shapes.of_config(config) for config in (
                json.loads(file.read_text()), bench_models.config_of(model)))
            if found != expected:
                parser.error(f"{file}: {found} found, expected {expected} for {model.name}")


def bytes_needed(method, model, options):
    """A lower bound of training's peak memory on a CPU in float32, without the activations of layers."""
    shapes = work.Shapes.of_config(bench_models.config_of(model))
    logits = 4 * (options.batch or model.batch) * options.length * shapes.vocabulary
    if method == "full":
        return 16 * shapes.parameters + 3 * logits
    if method == "lora":
        return 4 * shapes.parameters + 3 * logits
    expanded = work.selected(model.layers, shapes.layers)[1]
    return 4 * shapes.parameters + 16 * expanded * (options.copies - 1) * shapes.mlp


def check_memory(parser, options):
    """Refuses large models that do not fit, before anything is made."""
    if options.device != "cpu":
        return
    free = device.free_bytes()
    for model in (bench_models.MODELS[name] for name in options.models):
        needed = {method: bytes_needed(method, model, options) for method in options.methods}
        over = [f"{method} about {size / 1e9:.0f} GB" for method, size in needed.items() if size > free]
        if model.large and over:
            parser.error(f"{model.name} needs more than the {free / 1e9:.0f} GB of memory that are free here: "
                         f"{', '.join(over)}. Use a GPU with --device cuda, or other --methods or --models")
