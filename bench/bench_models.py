"""The measured models, and the goals for each."""

import json
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Goals:
    """What expandft should reach. None: no goal."""

    times_lora: float | None = None     # tokens per second, as a multiple of LoRA's
    times_full: float | None = None
    product_rate: float | None = None   # share of it, at least
    memory: float | None = 0.4          # peak, as a share of the smaller peer's, at most
    first_step: float | None = 0.5      # seconds from launch, at most


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

    @property
    def large(self):
        """Whether it may not fit, so that it is checked against the free memory."""
        return self.stored_bytes < 4


def llama(hidden, layers, heads, width, vocabulary, keys=None, tied=True, **more):
    return {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
            "num_key_value_heads": keys or heads, "intermediate_size": width, "vocab_size": vocabulary,
            "max_position_embeddings": 1024, "tie_word_embeddings": tied, "bos_token_id": 1, "eos_token_id": 2, **more}


def random_27m(vocabulary=4096, name="random27M"):
    return Model(name, "hidden size 512, 8 layers, 8 heads, MLP width 1376, vocabulary "
                 f"{vocabulary}, tied head: most of its work is in the layers", "last:3", 15, "trained",
                 llama(512, 8, 8, 1376, vocabulary), Goals(1.2, 1.7, 0.85))


MODELS = {model.name: model for model in (
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
DEFAULT_MODELS = ("stories260K", "random15M", "random27M")


def find(name):
    """A model by its name; random27M-v8192 is random27M with a vocabulary of 8192."""
    base, _, vocabulary = name.partition("-v")
    if base == "random27M" and vocabulary.isdigit():
        return random_27m(int(vocabulary), name)
    return MODELS[name]


def config_of(model):
    """The part of its config.json that determines shapes."""
    if model.config is not None:
        return model.config
    if model.name == "gemma3-1b":
        import gemma3_1b

        return gemma3_1b.CONFIG
    return json.loads((ROOT / "data" / model.name / "config.json").read_text())
