"""The methods that real_study.py compares, and its stages."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stage:
    tasks: tuple
    seeds: tuple
    steps: int
    rows: int  # of each task


STAGES = {
    "screen": Stage(("french",), (1,), 36, 200),
    "final": Stage(("french", "gsm8k", "mathqa"), (1, 2, 3), 72, 1000),
}


@dataclass(frozen=True)
class Trial:
    name: str
    title: str
    settings: dict = field(hash=False)
    rates: tuple
    strengths: tuple = (0.5, 0.75)

    def rates_for(self, stage, task, finished):
        """All rates on the screen; later the one with the lowest validation loss there."""
        screened = [row for row in finished if row["method"] == self.name and row["task"] == STAGES["screen"].tasks[0]]
        if stage == "screen" or not screened:
            return self.rates
        return (min(screened, key=lambda row: row["validation_loss"])["rate"],)


RETENTION = {"retention.weight": 1.0}


def grown(layers, **more):
    """G-Freeze of these layers, with more settings by their keys."""
    return {"method": "new", "expansion.layers": layers} | more


TRIALS = (
    Trial("full", "full fine-tuning", {"method": "full"}, (3e-5, 1e-4)),
    Trial("full-kl", "full fine-tuning, retention", {"method": "full"} | RETENTION, (3e-5, 1e-4)),
    Trial("lora", "LoRA, rank 16, all projections", {"method": "lora"}, (5e-4, 2e-3)),
    Trial("lora-kl", "LoRA, rank 16, retention", {"method": "lora"} | RETENTION, (5e-4, 2e-3)),
    Trial("last6", "last 6 layers", {"method": "last:6"}, (1e-4, 3e-4)),
    Trial("llama-pro", "LLaMA-Pro, 6 layers added", {"method": "llama-pro", "expansion.layers": "every:3"}, (3e-4, 1e-3)),
    Trial("zero-init", "zero-initialised width, all layers", {"method": "zero-init", "expansion.layers": "all"},
          (3e-4, 1e-3)),
    Trial("new-last6", "G-Freeze, last 6 layers", grown("last:6"), (3e-4, 1e-3)),
    Trial("new", "G-Freeze, all layers", grown("all"), (3e-4, 1e-3)),
    Trial("new-kl", "G-Freeze, all layers, retention", grown("all") | RETENTION, (3e-4, 1e-3)),
    Trial("new-auto6", "G-Freeze, 6 layers chosen", grown({"auto": 6}), (3e-4, 1e-3)),
    Trial("new-every3", "G-Freeze, every third layer", grown("every:3"), (3e-4, 1e-3)),
    Trial("new-kl-data", "G-Freeze, all layers, retention on both texts",
          grown("all", **RETENTION, **{"retention.on": "both"}), (3e-4, 1e-3)),
    Trial("narrow-12", "narrow growth, 12.5 % of all layers", grown("all", **{"expansion.width": "12.5%"}), (1e-3, 3e-3)),
    Trial("narrow-25", "narrow growth, 25 % of all layers", grown("all", **{"expansion.width": "25%"}), (1e-3, 3e-3)),
    Trial("narrow-50", "narrow growth, 50 % of all layers", grown("all", **{"expansion.width": "50%"}), (1e-3, 3e-3)),
    Trial("narrow-random", "narrow growth, 25 % at random",
          grown("all", **{"expansion.width": "25%", "expansion.neurons": "random"}), (1e-3,)),
    Trial("new-eaft", "G-Freeze, all layers, EAFT", grown("all", **{"training.token_weights": "eaft"}), (3e-4, 1e-3)),
    Trial("new-dft", "G-Freeze, all layers, DFT", grown("all", **{"training.token_weights": "dft"}), (3e-4, 1e-3)),
    Trial("new-stm", "G-Freeze, all layers, STM", grown("all", **{"training.token_weights": "stm"}), (3e-4, 1e-3)),
    Trial("new-ema", "G-Freeze, all layers, averaged", grown("all", **{"training.ema": 0.9}), (1e-3,)),
    Trial("mlp", "G-Train, all layers", {"method": "mlp", "expansion.layers": "all"}, (3e-4, 1e-3)),
)


def select(names, fail):
    """The trials with these names, all without names."""
    if names is None:
        return TRIALS
    known = {trial.name: trial for trial in TRIALS}
    for name in names:
        if name not in known:
            fail(f"--only: no method is called {name}; expected one or more of {', '.join(known)}")
    return tuple(known[name] for name in names)
