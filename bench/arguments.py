"""The command line of scripts/bench."""

import argparse
import os
from pathlib import Path

import bench_models
import device
import page
import work

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("training", "prefix-cache", "cost", "scaling", "data")
PLACES = {"training": "bench", "prefix-cache": "bench-prefix-cache", "cost": "bench-cost",
          "scaling": "bench-scaling", "data": "bench-data"}
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
    parser.add_argument("--models", default=",".join(bench_models.DEFAULT_MODELS),
                        help="for training: comma-separated, of " + ", ".join(bench_models.MODELS))
    parser.add_argument("--methods", default=",".join(METHODS), help="comma-separated, of " + ", ".join(METHODS))
    parser.add_argument("--peers", action="store_true", help="for cost: measure the peers too")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:0 (default: cpu)")
    parser.add_argument("--precision", choices=["float32", "bfloat16"],
                        help="for all programs (default: float32 on a CPU, bfloat16 on a GPU)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="steps of a run (default: 10 to 60, by model)")
    parser.add_argument("--warmup-steps", type=int, default=5, help="first steps of a run, which are not measured")
    parser.add_argument("--batch", type=int, default=4)
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
    parser.add_argument("--rows", type=int, default=29_000, help="for data: number of rows")
    parser.add_argument("--megabytes", type=int, default=100, help="for data: size of the plain text")
    parser.add_argument("--before", type=Path, help="for data: another expandft program to compare with")
    parser.add_argument("--cache", type=Path, default=ROOT / "build/bench", help="folder for models and runs")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/performance.md")
    parser.add_argument("--write", action="store_true",
                        help="write tables into the page, and charts next to it: <page>.svg, <page>-cost.svg")
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
    if not all(count.isdigit() and int(count) > 0 for count in options.ranks.split(",")):
        parser.error(f"--ranks {options.ranks}: numbers from 1 expected, as in 1,2,4")
    options.ranks = [int(count) for count in options.ranks.split(",")]
    options.binary, options.stories = Path(options.binary).resolve(), options.stories.resolve()
    options.text, options.cache = options.text.resolve(), options.cache.resolve()
    options.tokenizers = [model.resolve() for model in options.tokenizers]
    options.precision = options.precision or ("float32" if options.device == "cpu" else "bfloat16")
    if ("expandft" in options.methods or options.parts != ["training"]) and not options.binary.is_file():
        parser.error(f"{options.binary} does not exist: build expandft first, "
                     "or measure the peers with: training --methods lora,full")
    if options.device != "cpu" and device.gpu_name(options.device) is None:
        parser.error(f"--device {options.device}: no such GPU here, nvidia-smi finds none")
    if options.steps is not None and options.steps <= options.warmup_steps:
        parser.error(f"--steps {options.steps}: more than the {options.warmup_steps} of --warmup-steps expected")
    if "training" in options.parts:
        check_memory(parser, options)
    if options.write and (missing := page.missing_markers(options.page, [PLACES[part] for part in options.parts])):
        parser.error(missing)
    return options


def bytes_needed(method, model, options):
    """A lower bound of training's peak memory on a CPU in float32, without the activations of layers."""
    shapes = work.Shapes.of_config(bench_models.config_of(model))
    logits = 4 * options.batch * options.length * shapes.vocabulary
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
