"""Signatures of short runs: the loss of the last step, to the last digit, and the hash of the weights written.

scripts/signatures records those of a kind of machine in signatures.json.
Run as a program (signatures.py PROGRAM [BEFORE]), this prints this machine's and what changed since BEFORE.
"""

import hashlib
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from training import METHODS, events, train, write_config

RECORDED = Path(__file__).with_name("signatures.json")
STEPS = 20
PRECISIONS = ["float32", "bfloat16", "float16"]
CASES = [(precision, method) for precision in PRECISIONS for method in METHODS
         if method != "new-k3" or precision == "float32"]  # a variant of `new`, which has all precisions
# Relative tolerance for losses on another kind of machine. The effect of other kernels was measured by turning
# instruction sets off: at most 6e-6 in float32, 8e-3 in bfloat16 and 3e-3 in float16.
TOLERANCE = {"float32": 1e-3, "bfloat16": 3e-2, "float16": 3e-2}
# Environment variables that make the libraries select kernels other than this CPU's.
KERNEL_CHOICES = ("ATEN_", "MKL_", "ONEDNN_", "DNNL_", "GLIBC_TUNABLES")


class Signature(NamedTuple):
    loss: float
    weights: str  # SHA-256 of the adapter's file, or of the merged model's if there is no adapter


def take(expandft, model, folder, precision, method):
    """Trains 20 steps on one thread of the CPU."""
    config = write_config(folder, model, evaluation={"prompts": ["Once"]},  # one prompt instead of the default three
                          data__validation=None, data__max_length=32, training__max_steps=STEPS,
                          training__batch_size=2, training__micro_batch_size=1, training__precision=precision,
                          **METHODS[method])
    train(expandft, config, "--quiet")
    last = events(folder / "out", "train")[-1]
    assert last["step"] == STEPS
    weights = folder / "out/adapter/adapter_model.safetensors"
    if not weights.exists():
        weights = folder / "out/merged/model.safetensors"
    return Signature(last["loss"], hashlib.sha256(weights.read_bytes()).hexdigest())


def cpu_kind(cpuinfo):
    """The parts of /proc/cpuinfo that decide which kernels run: the model, its cache (products are blocked to fit)
    and its vector instructions."""
    facts = {}
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    if "flags" not in facts:  # not x86
        parts = [facts[name] for name in ("CPU implementer", "CPU part") if name in facts]
        return " ".join([platform.machine(), *parts]) + ": " + " ".join(sorted(facts.get("Features", "").split()))
    flags = [flag for flag in facts["flags"].split() if flag.startswith(("avx", "amx")) or flag in ("fma", "f16c")]
    return (f"{facts['model name']}, family {facts['cpu family']}, model {facts['model']}, "
            f"stepping {facts.get('stepping')}, cache {facts.get('cache size')}: " + (" ".join(sorted(flags)) or "no AVX"))


def machine_kind(version):
    """The key of signatures.json here; `version` is what `expandft --version` prints."""
    cpuinfo = Path("/proc/cpuinfo")
    cpu = cpu_kind(cpuinfo.read_text() if cpuinfo.exists() else "")
    return f"{cpu}; {version[version.index('LibTorch'):].strip().rstrip(')')}"


def read_recorded(file=RECORDED):
    """{kind: {(precision, method): Signature}}"""
    kinds = json.loads(file.read_text()) if file.exists() else {}
    return {kind: {(precision, method): Signature(**one)
                   for precision, methods in entry.items() for method, one in methods.items()}
            for kind, entry in kinds.items()}


def record(kind, taken, file=RECORDED):
    """Replaces the entries of this kind of machine; other kinds keep theirs."""
    kinds = read_recorded(file)
    kinds[kind] = {case: one for case, one in (kinds.get(kind, {}) | taken).items() if case in CASES}
    text = {name: {} for name in sorted(kinds)}
    for name, entry in kinds.items():
        for case in [*CASES, *(entry.keys() - set(CASES))]:
            if case in entry:
                text[name].setdefault(case[0], {})[case[1]] = entry[case]._asdict()
    file.write_text(json.dumps(text, indent=1) + "\n")


def table(kind, before):
    """This kind's signatures, one per line, and whether they are new or changed."""
    lines = [f"{'precision':<10} {'train':<10} {'loss of step ' + str(STEPS):<22} {'weights':<13}"]
    had = before.get(kind, {})
    for case, one in read_recorded().get(kind, {}).items():
        news = "as before" if had.get(case) == one else "CHANGED" if case in had else "new"
        lines.append(f"{case[0]:<10} {case[1]:<10} {one.loss!r:<22} {one.weights[:12]:<13} {news}")
    return "\n".join(lines)


if __name__ == "__main__":
    here = machine_kind(subprocess.run([sys.argv[1], "--version"], text=True, check=True, capture_output=True).stdout)
    print(here)
    print(table(here, read_recorded(Path(sys.argv[2])) if len(sys.argv) > 2 else {}))
