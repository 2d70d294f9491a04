"""The Markdown tables of the part training: the result of each program, and expandft's goals."""

import statistics

import charts
import trials
from arguments import METHODS


def spread(values, digits):
    """Median and range."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def counted(rounds):
    return f"{rounds} round{'s' if rounds != 1 else ''}"


def rows(head, body):
    """A Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *body])


def layers_text(layers):
    return "all layers" if layers == "all" else f"last {layers.removeprefix('last:')} layers"


def title(method, job):
    return METHODS[method].format(layers=layers_text(job.layers), copies=job.copies, rank=job.rank)


def label(program, measured):
    """The program's title, with what differs between the programs of this table."""
    parts = [title(program.method, measured.job)]
    if len({other.precision for other in measured.runs}) > 1:
        parts.append(program.precision)
    if program in measured.trials:
        parts.append(program.attention)
    return ", ".join(parts) + (" (trial)" if measured.in_trial_only(program) else "")


def bar_label(program, measured):
    """A short label for a chart."""
    if len(measured.runs) == len({other.method for other in measured.runs}):
        return title(program.method, measured.job)
    way = program.precision if program.method == "expandft" else f"{program.precision}, {program.attention}"
    return f"{charts.NAMES[program.method]}, {way}"


def row(program, measured):
    name, learned = label(program, measured), measured.learned
    if not measured.has(program):
        return [name, measured.reasons[program], *[""] * (9 if learned < 1 else 8)]
    speed = measured.tokens_per_second(program)
    against = [f"{speed / measured.tokens_per_second(peer):.2f}" if peer else ""
               for peer in map(measured.best, ("lora", "full"))]
    runs, rate, reached = measured.runs[program], measured.product_rate(program), measured.reached(program)
    form = (lambda values, digits: f"{values[0]:.{digits}f}") if measured.in_trial_only(program) else spread
    speeds = [form([run.tokens_per_second for run in runs], 0), *([f"{learned * speed:.0f}"] if learned < 1 else [])]
    return [name, *speeds, *against, form([run.peak_bytes / 2**20 for run in runs], 0), form([run.first_step_at for run in runs], 2),
            f"{measured.multiply_adds(program) / 1e6:.2f}", f"{reached:.1f}", f"{rate:.1f}", f"{reached / rate:.0%}"]


def name_of(measured):
    """The model's name, with the kind of data if there are several."""
    return f"{measured.model.name}, {measured.kind}" if len(measured.model.kinds) > 1 else measured.model.name


def results(measured):
    job = measured.job
    rounds = max(map(len, measured.runs.values()), default=0)
    head = ["", "tokens/s", *(["learned tokens/s"] if measured.learned < 1 else []), "× LoRA", "× full",
            "peak memory, MiB", "first step, s", "multiply-adds per token, M",
            "reached, G/s", "product rate, G/s", "share of it"]
    weights = "" if measured.model.published is None else (
        ", random weights of this shape" if job.model.is_relative_to(job.folder) else ", the published weights")
    memory = "" if job.device == "cpu" else ", memory of the GPU"
    precisions = " and ".join(dict.fromkeys(program.precision for program in measured.runs))
    text = (f"**{name_of(measured)}** ({measured.model.about}{weights}): batch {job.batch} × {job.length} tokens, "
            f"{job.threads} threads, {precisions}{memory}; median (least–most) of {counted(rounds)}.")
    if job.rows:
        text += (f" {job.rows.count} rows of {job.rows.tokens / job.rows.count:.0f} tokens on average, of which "
                 f"{job.rows.share:.0%} are learned; a peer's step has {job.rows.rows_per_step} rows.")
    if tried := trials.text(measured.trials, lambda method: METHODS[method].partition(",")[0]):
        text += f" {tried}"
    text += "\n\n"
    if "bfloat16" in precisions and job.full_weights == "bfloat16":
        text += "Full fine-tuning keeps weights and moments in bfloat16 here: in float32 they do not fit.\n\n"
    return text + rows(head, [row(program, measured) for program in measured.runs])


def goals(measured):
    """[model, goal, target, measured, whether it is met], for each goal of the model whose programs were measured."""
    wanted, found = measured.goals, []
    expandft = measured.best("expandft", wanted.precision) or measured.best("expandft")
    if expandft is None:
        return []
    name = ", ".join([name_of(measured), *([expandft.precision] if wanted.precision else [])])

    def add(what, limit, value, least, form):
        reached = value >= limit if least else value <= limit
        found.append([name, what, f"{'≥' if least else '≤'} {format(limit, form)}", format(value, form),
                      "yes" if reached else "no"])

    speed = measured.tokens_per_second(expandft)
    for peer, what, limit in ((measured.best("lora"), "tokens/s, × LoRA", wanted.times_lora),
                              (measured.best("full"), "tokens/s, × full", wanted.times_full)):
        if limit is not None and peer:
            add(what, limit, speed / measured.tokens_per_second(peer), True, ".2f")
    if wanted.product_rate is not None:
        share = measured.reached(expandft) / measured.product_rate(expandft)
        add("share of the product rate", wanted.product_rate, share, True, ".1%")
    peers = [measured.median(peer, "peak_bytes") for peer in map(measured.best, ("lora", "full")) if peer]
    if wanted.memory is not None and peers:
        add("peak memory, × the smaller peer's", wanted.memory,
            measured.median(expandft, "peak_bytes") / min(peers), False, ".2f")
    if wanted.first_step is not None:
        add("first step after launch, s", wanted.first_step, measured.median(expandft, "first_step_at"), False, ".2f")
    return found


def goal_table(all_measured):
    found = [line for measured in all_measured for line in goals(measured)]
    return rows(["model", "goal", "target", "measured", "met"], found) if found else ""
