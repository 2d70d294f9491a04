"""Trains a model with transformers, as users do, and prints its speed as one line of JSON.

    python bench/peer_train.py --method lora --model DIR --ids ids.npy --steps 30

`full` trains every weight; `lora` trains PEFT's rank-16 pairs on all seven projections of a layer.
ids.npy: one row of token ids, cut into windows of --length, --batch of them per step. With --rows instead: rows of
prompt and answer, --batch of them per step, padded to the longest. In bfloat16 both compute under autocast; LoRA's base
is stored in bfloat16 and its pairs in float32, full's weights in the dtype of --full-weights.
"""

import argparse
import json
import os
import statistics
import threading
import time

import peer_batches


def seconds_since_start():
    """Seconds since this process started, including interpreter and imports."""
    with open("/proc/self/stat") as file:
        started = int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def load(options):
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    stored = "float32" if options.precision == "float32" else \
        "bfloat16" if options.method == "lora" else options.full_weights
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=getattr(torch, stored),
                                                 attn_implementation=options.attention).to(options.device)
    model.config.use_cache = False  # no generation here
    if options.method == "lora":
        from peft import LoraConfig, get_peft_model

        projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=options.rank, lora_alpha=2 * options.rank,
                                                 lora_dropout=0.0, target_modules=projections))
    return model.train()


class StepLimit:
    """Ends the process if a step takes longer than this many seconds, and says so."""

    def __init__(self, method, seconds):
        self.method, self.seconds = method, seconds

    def give_up(self):
        print(json.dumps({"method": self.method, "too_slow": True}), flush=True)
        os._exit(0)

    def __enter__(self):
        self.timer = threading.Timer(self.seconds or threading.TIMEOUT_MAX, self.give_up)
        self.timer.daemon = True
        self.timer.start()

    def __exit__(self, *_):
        self.timer.cancel()


def batches_of(options):
    import numpy
    import torch

    generator = torch.Generator().manual_seed(options.seed)
    if options.rows:
        return peer_batches.padded_rows(options.rows, options.batch, generator)
    ids = torch.from_numpy(numpy.load(options.ids).astype("int64"))
    return peer_batches.windows(ids, options.length, options.batch, generator)


def train(model, options):
    """Tokens per second and loss of each step, when the first began, and the number of trained parameters."""
    import torch

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=options.learning_rate, weight_decay=0.0, fused=True)
    batches = batches_of(options)
    rates, losses = [], []
    first_step_at = seconds_since_start()
    for _ in range(options.steps):
        with StepLimit(options.method, options.step_limit):
            begin = time.perf_counter()
            batch = next(batches)
            inputs = {name: tensor.to(options.device) for name, tensor in batch.inputs.items()}
            with torch.autocast(options.device.partition(":")[0], torch.bfloat16,
                                enabled=options.precision == "bfloat16"):
                loss = model(**inputs).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(loss.item())  # waits for a GPU
            rates.append(batch.tokens / (time.perf_counter() - begin))
    return rates, losses, first_step_at, sum(parameter.numel() for parameter in trained)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=["full", "lora"], required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--ids", required=True)
    parser.add_argument("--rows", help="the .npz file of instruct.py, in place of --ids")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--warmup-steps", type=int, default=5, help="steps not measured")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--full-weights", choices=["float32", "bfloat16"], default="float32",
                        help="with --precision bfloat16: dtype of full's weights and moments")
    parser.add_argument("--attention", choices=["sdpa", "eager"], default="sdpa")
    parser.add_argument("--step-limit", type=float, help="seconds that a step may take")
    options = parser.parse_args()

    import torch

    try:
        rates, losses, first_step_at, trained = train(load(options), options)
    except torch.OutOfMemoryError:
        print(json.dumps({"method": options.method, "out_of_memory": True}))
        return

    print(json.dumps({
        "method": options.method,
        "tokens_per_second": statistics.median(rates[options.warmup_steps:]),
        "first_step_at": first_step_at,
        "steps": options.steps,
        "trained_parameters": trained,
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
