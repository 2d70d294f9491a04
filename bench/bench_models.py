"""The measured models, and the goals for each."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import gemma3

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Goals:
    """What expandft should reach. None: no goal."""

    times_lora: float | None = None     # tokens per second, as a multiple of LoRA's
    times_full: float | None = None
    product_rate: float | None = None   # share of it, at least
    memory: float | None = 0.4          # peak, as a share of the smaller peer's, at most
    first_step: float | None = 0.5      # seconds from launch, at most
    precision: str | None = None        # the one that counts; None: the fastest


NO_GOALS = Goals(memory=None, first_step=None)


def goals_on_a_cpu(kind, has_amx):
    """The goals of published models on `kind` of data."""
    if not has_amx:
        return Goals(1.4, None, 0.85, 0.25, 1.5, "float32")
    if kind == "instruct":
        return Goals(3.0, None, 0.6, 0.25, 1.5, "bfloat16")
    return Goals(2.0, 2.5, 0.6, 0.25, 1.5, "bfloat16")


@dataclass(frozen=True)
class Model:
    name: str
    about: str                 # one line for the page
    layers: str                # expanded layers
    steps: int
    tokenizer: str = "own"     # "mistral": 32000 pieces, "trained": 4096, "gemma": a small one like Gemma's
    config: dict | None = None  # config of a random Llama; None: made elsewhere
    goals: Goals = field(default_factory=Goals)
    stored_bytes: int = 4      # per weight in its file
    full_weights: str = "float32"  # dtype of weights and moments in transformers' full fine-tuning, on a GPU
    batch: int = 4
    warmup_steps: int = 5
    published: str | None = None  # name of its folder among real models; None: there is no published one
    kinds: tuple = ("text",)      # of data
    epoch_steps: int = 10         # to measure the prefix cache

    @property
    def large(self):
        """Whether it may not fit, so that it is checked against the free memory."""
        return self.stored_bytes < 4

    def precisions(self, wanted, device):
        """Those to measure in, by --precision: all that are common for published models, unless one is asked for."""
        if wanted == "best" or (wanted is None and self.published and device == "cpu"):
            return ("float32", "bfloat16")
        return (wanted or ("float32" if device == "cpu" else "bfloat16"),)

    @property
    def attentions(self):
        """The peers' kinds of attention to try."""
        return ("sdpa", "eager") if self.published else ("sdpa",)

    def goals_for(self, kind, device, has_amx):
        if self.published is None:
            return self.goals
        return goals_on_a_cpu(kind, has_amx) if device == "cpu" else NO_GOALS


def llama(hidden, layers, heads, width, vocabulary, keys=None, tied=True, **more):
    return {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
            "num_key_value_heads": keys or heads, "intermediate_size": width, "vocab_size": vocabulary,
            "max_position_embeddings": 1024, "tie_word_embeddings": tied, "bos_token_id": 1, "eos_token_id": 2, **more}


def random_27m(vocabulary=4096, name="random27M"):
    return Model(name, "hidden size 512, 8 layers, 8 heads, MLP width 1376, vocabulary "
                 f"{vocabulary}, tied head: most of its work is in the layers", "last:3", 15, "trained",
                 llama(512, 8, 8, 1376, vocabulary), Goals(1.2, 1.7, 0.85))


def published(name, about, layers, tokenizer, config, folder):
    return Model(name, about, layers, 4, tokenizer, config, stored_bytes=2, batch=8, warmup_steps=1, published=folder,
                 kinds=("text", "instruct"), epoch_steps=4)


MODELS = {model.name: model for model in (
    published("gemma3-270m", "18 layers, hidden size 640, MLP width 2048, vocabulary 262144, tied head", "last:6",
              "gemma", None, "gemma-3-270m"),
    published("smollm2-135m", "30 layers, hidden size 576, MLP width 1536, vocabulary 49152, tied head", "last:10",
              "mistral", llama(576, 30, 9, 1536, 49152, keys=3, rope_theta=100000.0), "SmolLM2-135M-Instruct"),
    Model("stories260K", "the trained model of data/: 5 layers, hidden size 64, vocabulary 512", "all", 60),
    Model("random15M", "hidden size 288, 6 layers, 6 heads, MLP width 768, vocabulary 32000, tied head: most of its "
          "work is in the head", "all", 20, "mistral", llama(288, 6, 6, 768, 32000), Goals(1.6, 1.8, 0.85)),
    random_27m(),
    Model("gemma3-1b", "Gemma 3 1B's exact shape with random weights", "last:9", 20, "gemma", None,
          Goals(1.2, 1.7, 0.85, first_step=None), stored_bytes=2),
    Model("llama3-8b", "Llama 3 8B's shape with random weights", "last:8", 10, "mistral",
          llama(4096, 32, 32, 14336, 128256, keys=8, tied=False, rope_theta=500000.0),
          Goals(1.2, 1.7, 0.85, None, None), stored_bytes=2, full_weights="bfloat16"),
)}
TOYS = ("stories260K", "random15M", "random27M")


def find(name):
    """A model by its name; random27M-v8192 is random27M with a vocabulary of 8192."""
    base, _, vocabulary = name.partition("-v")
    if base == "random27M" and vocabulary.isdigit():
        return random_27m(int(vocabulary), name)
    return MODELS[name]


def published_directory(model, folder):
    """Where the published model is among the real models of `folder`; None: there is none, or no folder is given."""
    return Path(folder) / model.published if folder and model.published else None


def config_of(model):
    """The part of its config.json that determines shapes."""
    if model.config is not None:
        return model.config
    if model.name in gemma3.CONFIGS:
        return gemma3.CONFIGS[model.name]
    return json.loads((ROOT / "data" / model.name / "config.json").read_text())
