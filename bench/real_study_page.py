"""Tables of real_study.py's rows."""

import math
import statistics
from pathlib import Path

import page
from real_study_methods import TRIALS

PAGE = Path(__file__).resolve().parents[1] / "docs/results.md"
# What may be lost where a strength is chosen by the dial rows.
MOST_DROP, MOST_KL = 0.01, 0.05


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def accuracy(point, names):
    return mean(point["tasks"][name]["value"] for name in names)


def divergence(point, names):
    return mean(point["tasks"][name]["kl"] for name in names)


def chosen(row, names):
    """The point of the largest strength that keeps the dial rows: nothing reported is looked at."""
    dial = [f"{name}_dial" for name in names]
    base = row["curve"][0]
    kept = [point for point in row["curve"][1:]
            if accuracy(base, dial) - accuracy(point, dial) <= MOST_DROP and divergence(point, dial) <= MOST_KL]
    return max(kept or [base], key=lambda point: point["strength"])


def skill(point, task):
    """BLEU, exact match or accuracy, and the loss of the right answer (nats per token)."""
    return point["tasks"][task]["value"], point["tasks"][f"{task}_likelihood"]["loss"]


def spread(values, digits):
    """Mean, and with several seeds the standard error."""
    text = f"{statistics.mean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {statistics.stdev(values) / math.sqrt(len(values)):.{digits}f}"
    return text


def line(title, rows, task, names):
    full = [row["curve"][-1] for row in rows]
    dialled = [chosen(row, names) for row in rows]
    scale = 1 if task == "french" else 100  # BLEU is a percentage already
    cells = [title, f"{rows[0]['rate']:g}"]
    for points in (full, dialled):
        cells += [spread([scale * skill(point, task)[0] for point in points], 1),
                  spread([skill(point, task)[1] for point in points], 3),
                  spread([100 * accuracy(point, names) for point in points], 1),
                  spread([divergence(point, names) for point in points], 3)]
    cells.insert(6, ", ".join(sorted({f"{point['strength']:g}" for point in dialled})))
    cells += [f"{mean(row['tokens_per_second'] for row in rows):.0f}",
              f"{max(row['peak_memory_bytes'] for row in rows) / 1e9:.1f} GB"]
    return "| " + " | ".join(cells) + " |"


def table(rows, task, names):
    base = rows[0]["curve"][0]
    value, loss = skill(base, task)
    scale = 1 if task == "french" else 100
    score = {"french": "BLEU", "gsm8k": "exact match", "mathqa": "accuracy"}[task]
    out = [f"Before training: {score} {scale * value:.1f}, loss {loss:.3f}, kept {100 * accuracy(base, names):.1f}. "
           f"{rows[0]['steps']} steps, {rows[0]['tokens']:,} tokens; {rows[0]['rows']} rows of each task.", "",
           f"| method | rate | {score} | loss | kept | KL | strength | {score} | loss | kept | KL | tokens/s | memory |",
           "|---|---|---|---|---|---|---|---|---|---|---|---|---|"]
    groups = {}
    for row in rows:
        groups.setdefault((row["method"], row["rate"]), []).append(row)
    titles = {trial.name: trial.title for trial in TRIALS}
    out += [line(titles.get(method, method), some, task, names) for (method, _), some in groups.items()]
    return "\n".join(out)


def text(rows, names):
    parts = []
    for task in dict.fromkeys(row["task"] for row in rows):
        parts.append(f"#### {task}\n\n" + table([row for row in rows if row["task"] == task], task, names))
    return "\n\n".join(parts)


def write(body):
    page.write_between(PAGE, "real-study", body)
