"""Which precision and attention each peer is fastest in, by a short run of each combination."""

import dataclasses
from typing import NamedTuple

STEPS, WARMUP_STEPS = 2, 1


class Program(NamedTuple):
    method: str
    precision: str
    attention: str = "sdpa"  # of the peers

    def job(self, job, **changes):
        return dataclasses.replace(job, precision=self.precision, attention=self.attention, **changes)


class Chosen(NamedTuple):
    """The programs of the rounds, the outcomes of all trials, and the programs that are shown by their trial alone."""

    programs: list
    outcomes: dict  # {Program: Run, or the reason why there is none}
    shown: list


def fastest(outcomes):
    """The program with the most tokens per second; None if none has any."""
    measured = {program: run for program, run in outcomes.items() if not isinstance(run, str)}
    return max(measured, key=lambda program: measured[program].tokens_per_second, default=None)


def of_peer(method, precisions, attentions, run):
    """{Program: outcome} of all combinations. run: Program -> Run or the reason why there is none."""
    outcomes = {}
    for precision in precisions:
        for attention in attentions:
            program = Program(method, precision, attention)
            outcomes[program] = run(program)
            if "a step" in str(outcomes[program]):
                break  # the precision is slow here, not the attention
    return outcomes


def choose(methods, precisions, attentions, run):
    """expandft is measured in every precision, each peer in its best one, with its best attention.

    Of a peer's other precisions, the best attention's trial is shown. With one combination there is no trial.
    """
    programs, outcomes, shown = [], {}, []
    for method in methods:
        if method == "expandft":
            programs += [Program(method, precision) for precision in precisions]
            continue
        if len(precisions) == len(attentions) == 1:
            programs.append(Program(method, precisions[0], attentions[0]))
            continue
        found = of_peer(method, precisions, attentions, run)
        outcomes |= found
        best = fastest(found)
        for precision in precisions:
            of = {program: outcome for program, outcome in found.items() if program.precision == precision}
            program = fastest(of) or next(iter(of))
            (programs if program == best else shown).append(program)
    return Chosen(programs, outcomes, shown)


def text(outcomes, name):
    """One sentence of the trials' results. name: the label of a method."""
    if not outcomes:
        return ""

    def said(outcome):
        return outcome if isinstance(outcome, str) else f"{outcome.tokens_per_second:.0f}"

    lines = {}
    for program, outcome in outcomes.items():
        lines.setdefault(program.method, []).append(f"{program.precision} {program.attention} {said(outcome)}")
    return (f"Peers run in the combination that was fastest in a trial of {STEPS} steps (tokens/s of the last): "
            + "; ".join(f"{name(method)}: {', '.join(of)}" for method, of in lines.items()) + ".")
