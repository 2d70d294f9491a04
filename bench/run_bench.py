#!/usr/bin/env python3
"""Measures expandft's training against transformers' full fine-tuning and PEFT's LoRA.

    scripts/bench --rounds 5 --write          # speed, memory, goals; and the prefix cache
    scripts/bench cost --rounds 3 --write     # cost against size, expandft alone
    scripts/bench scaling --ranks 1,2 --write # several ranks on this machine
    scripts/bench data --write                # reading and tokenizing
    scripts/bench training --device cuda --models gemma3-1b

Each round runs every program once, in turn, each in its own process, with the same model, text, batch, sequence length,
precision, device and threads; and the matrix products of their steps, whose rate is the limit. Prints
Markdown tables; --write also puts them and two charts into docs/performance.md.
"""

import arguments
import charts
import cost
import device
import loading
import measuring
import page
import prefix_cache
import scaling
import tables


def training(options):
    """(Markdown, {suffix of the chart's file: SVG})."""
    text = [device.machine(options.device)]
    found = [measuring.measure(name, options) for name in options.models]
    if goals := tables.goal_table(found):
        text.append(goals)
    text += [tables.results(measured) for measured in found]
    return "\n\n".join(text), {".svg": charts.speed(found, tables.title)}


def cached_prefix(options):
    machine = device.machine(options.device)
    return f"{machine} {prefix_cache.table(*prefix_cache.measure(options))}", {}


def cost_against_size(options):
    machine = device.machine(options.device)
    found = cost.measure(options)
    return f"{machine} {cost.table(found, options)}", {"-cost.svg": cost.chart(found)}


def scaling_with_ranks(options):
    machine = device.machine(options.device)
    return f"{machine} {scaling.table(*scaling.measure(options))}", {}


def loading_of_data(options):
    machine = device.machine(options.device)
    return f"{machine} {loading.table(loading.measure(options), options)}", {}


PARTS = {"training": training, "prefix-cache": cached_prefix, "cost": cost_against_size, "scaling": scaling_with_ranks,
         "data": loading_of_data}


def main():
    options = arguments.parse(__doc__)
    for part in options.parts:
        text, drawn = PARTS[part](options)
        print(text, end="\n\n", flush=True)
        if options.write:
            page.write_between(options.page, arguments.PLACES[part], text)
            for suffix, drawing in drawn.items():
                options.page.with_name(options.page.stem + suffix).write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main()
