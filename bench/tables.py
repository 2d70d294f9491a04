"""The Markdown tables of the part training: the result of each program, and expandft's goals."""

import statistics

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


def row(method, measured):
    name = title(method, measured.job)
    if not measured.has(method):
        return [name, "out of memory", *[""] * 8]
    speed = measured.tokens_per_second(method)
    against = [f"{speed / measured.tokens_per_second(peer):.2f}" if measured.has(peer) else ""
               for peer in ("lora", "full")]
    runs, rate, reached = measured.runs[method], measured.product_rate(method), measured.reached(method)
    return [name, spread([run.tokens_per_second for run in runs], 0), *against,
            spread([run.peak_bytes / 2**20 for run in runs], 0), spread([run.first_step_at for run in runs], 2),
            f"{measured.multiply_adds(method) / 1e6:.2f}", f"{reached:.1f}", f"{rate:.1f}", f"{reached / rate:.0%}"]


def results(measured):
    job = measured.job
    rounds = max(map(len, measured.runs.values()), default=0)
    head = ["", "tokens/s", "× LoRA", "× full", "peak memory, MiB", "first step, s", "multiply-adds per token, M",
            "reached, G/s", "product rate, G/s", "share of it"]
    memory = "" if job.device == "cpu" else ", memory of the GPU"
    text = (f"**{measured.model.name}** ({measured.model.about}): batch {job.batch} × {job.length} tokens, "
            f"{job.threads} threads, {job.precision}{memory}; median (least–most) of {counted(rounds)}.\n\n")
    if job.precision == "bfloat16" and job.full_weights == "bfloat16":
        text += "Full fine-tuning keeps weights and moments in bfloat16 here: in float32 they do not fit.\n\n"
    return text + rows(head, [row(method, measured) for method in measured.runs])


def goals(measured):
    """[model, goal, target, measured, whether it is met], for each goal of the model whose programs were measured."""
    wanted, found = measured.model.goals, []
    if not measured.has("expandft"):
        return []

    def add(what, limit, value, least, form):
        reached = value >= limit if least else value <= limit
        found.append([measured.model.name, what, f"{'≥' if least else '≤'} {format(limit, form)}", format(value, form),
                      "yes" if reached else "no"])

    speed = measured.tokens_per_second("expandft")
    for peer, what, limit in (("lora", "tokens/s, × LoRA", wanted.times_lora),
                              ("full", "tokens/s, × full", wanted.times_full)):
        if limit is not None and measured.has(peer):
            add(what, limit, speed / measured.tokens_per_second(peer), True, ".2f")
    if wanted.product_rate is not None:
        share = measured.reached("expandft") / measured.product_rate("expandft")
        add("share of the product rate", wanted.product_rate, share, True, ".1%")
    peers = [measured.median(peer, "peak_bytes") for peer in ("lora", "full") if measured.has(peer)]
    if wanted.memory is not None and peers:
        add("peak memory, × the smaller peer's", wanted.memory,
            measured.median("expandft", "peak_bytes") / min(peers), False, ".2f")
    if wanted.first_step is not None:
        add("first step after launch, s", wanted.first_step, measured.median("expandft", "first_step_at"), False, ".2f")
    return found


def goal_table(all_measured):
    found = [line for measured in all_measured for line in goals(measured)]
    return rows(["model", "goal", "target", "measured", "met"], found) if found else ""
