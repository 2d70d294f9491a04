"""Prints a run's summary.json for people: gemma_summary.py runs/gemma/summary.json

A table of the new task and of the original ones (base, tuned, and at lower strengths), what the run took,
and how base and tuned model continue the run's prompts.
"""
import json
import sys

NAMES = {
    "french": "English to French, BLEU",
    "piqa": "PIQA: everyday physics",
    "winogrande": "WinoGrande: who is meant",
    "arc_easy": "ARC: school science",
    "lambada_openai": "LAMBADA: the last word",
}
METRICS = {"chrf": "chrF", "exact_match": "exactly right"}  # of the new task, besides the judged one
SHARES = ("acc", "acc_norm", "exact_match", "contains")


def text_of(metric: str, value: float) -> str:
    return f"{100 * value:.1f} %" if metric in SHARES else f"{value:.1f}"


def change_of(task: dict) -> str:
    """Of the tuned model, with its standard error: points of a share, or the metric's own unit."""
    scale = 100 if task["metric"] in SHARES else 1
    error = task["standard_error"]
    return f"{scale * task['difference']:+.1f}" + ("" if error is None else f" ± {scale * error:.1f}")


def values_at(point: dict) -> dict[str, float]:
    return {task["task"]: task["value"] for task in point["tasks"]}


def mean_row(tasks: list[dict], columns: list[dict[str, float]]) -> list[str]:
    """The mean right answers of the original tasks; without a change if they are not all shares."""
    means = [sum(column[task["task"]] for task in tasks) / len(tasks) for column in columns]
    row = [text_of("acc", mean) for mean in means]
    return ["  mean", row[0], row[1], f"{100 * (means[1] - means[0]):+.1f}", *row[2:]]


def table(summary: dict) -> list[list[str]]:
    compared = summary["evaluation"]
    points = {point["strength"]: values_at(point) for point in summary["strengths"]}
    lower = [strength for strength in sorted(points, reverse=True) if 0 < strength < 1]
    columns = [points[0], points[1], *(points[strength] for strength in lower)]

    def row(task: dict) -> list[str]:
        cells = [text_of(task["metric"], column[task["task"]]) for column in columns]
        return ["  " + NAMES.get(task["task"], task["task"]), cells[0], cells[1], change_of(task), *cells[2:]]

    def other_rows(task: dict) -> list[list[str]]:
        """Metrics that are measured at full strength alone."""
        others = [metric for metric in task["metrics"][1:] if metric["metric"] in METRICS]
        return [["    " + METRICS[metric["metric"]], text_of(metric["metric"], metric["base"]),
                 text_of(metric["metric"], metric["tuned"]), change_of(metric), *("" for _ in lower)]
                for metric in others]

    originals = compared["original_tasks"]
    rows = [["", "base", "tuned", "change", *(f"strength {strength:g}" for strength in lower)], ["learned"]]
    for task in compared["tasks"]:
        rows += [row(task), *other_rows(task)]
    rows += [["kept (right answers)"], *(row(task) for task in originals)]
    if len(originals) > 1 and all(task["metric"] in SHARES for task in originals):
        rows.append(mean_row(originals, columns))
    return rows


def print_table(rows: list[list[str]]) -> None:
    count = max(len(row) for row in rows)
    widths = [max(len(row[i]) for row in rows if len(row) == count) for i in range(count)]
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print(("    " + "   ".join(cells)).rstrip())


def continued(text: str) -> str:
    """The first line of a continuation that is not empty."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return lines[0] if lines else "(nothing)"


def print_samples(samples: list[dict]) -> None:
    for sample in samples:
        lines = sample["prompt"].splitlines()
        print(f"    {lines[0].removeprefix('English phrase: ')}")
        for model in ("base", "tuned"):
            print(f"      {model:5}  {continued(sample[model])}")


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        summary = json.load(file)
    print_table(table(summary))
    print()
    print(f"    trained {summary['steps']} steps, {summary['tokens']} tokens, {summary['seconds'] / 60:.0f} min; "
          f"peak memory {summary['peak_memory_bytes'] / 1e9:.1f} GB")
    forgetting = summary["evaluation"].get("forgetting") or {}
    if forgetting.get("flipped") is not None:
        print(f"    of the answers to the original questions, {100 * forgetting['flipped']:.0f} % changed "
              "between right and wrong, in either direction")
    print()
    print_samples(summary["samples"])


if __name__ == "__main__":
    main()
