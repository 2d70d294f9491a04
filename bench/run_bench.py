#!/usr/bin/env python3
"""Measures expandft's training against transformers' full fine-tuning and PEFT's LoRA.

    scripts/bench --rounds 3 --write          # toys, a smoke test: speed, memory, goals; and the prefix cache
    scripts/bench --models gemma3-270m,smollm2-135m --real DIR --rounds 5 --write   # the same of published models
    scripts/bench cost --rounds 3 --write     # cost against size, expandft alone
    scripts/bench scaling --ranks 1,2 --write # several ranks on this machine
    scripts/bench data --write                # reading and tokenizing
    scripts/bench training --device cuda --models gemma3-1b

Each round runs every program once, in turn, each in its own process, with the same model, text, batch, sequence length,
device and threads; and the matrix products of their steps, whose rate is the limit. Prints
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


def kinds_of(model, options):
    """The kinds of data to measure: those asked for, of models that have several."""
    return [kind for kind in model.kinds if kind in options.kinds or len(model.kinds) == 1]


def training(options):
    """{place on the page: (Markdown, {suffix of the chart's file: SVG})}."""
    places = {}
    for model in arguments.models_of("training", options):
        places.setdefault(arguments.place_of("training", model), []).append(model)
    return {place: training_of(models, options) for place, models in places.items()}


def training_of(models, options):
    text = [device.machine(options.device)]
    found = [measuring.measure(model.name, kind, options) for model in models for kind in kinds_of(model, options)]
    if goals := tables.goal_table(found):
        text.append(goals)
    text += [tables.results(measured) for measured in found]
    suffix = ".svg" if models[0].published else "-toys.svg"
    return "\n\n".join(text), {suffix: charts.speed(found, tables.bar_label, tables.name_of)}


def cached_prefix(options):
    places = {}
    for model in arguments.models_of("prefix-cache", options):
        for kind in kinds_of(model, options):
            text = f"{device.machine(options.device)} {prefix_cache.table(*prefix_cache.measure(model, kind, options))}"
            places.setdefault(arguments.place_of("prefix-cache", model), []).append(text)
    return {place: ("\n\n".join(texts), {}) for place, texts in places.items()}


def cost_against_size(options):
    machine = device.machine(options.device)
    found = cost.measure(options)
    return {"bench-cost": (f"{machine} {cost.table(found, options)}", {"-cost.svg": cost.chart(found)})}


def scaling_with_ranks(options):
    machine = device.machine(options.device)
    return {"bench-scaling": (f"{machine} {scaling.table(*scaling.measure(options))}", {})}


def loading_of_data(options):
    machine = device.machine(options.device)
    return {"bench-data": (f"{machine} {loading.table(loading.measure(options), options)}", {})}


PARTS = {"training": training, "prefix-cache": cached_prefix, "cost": cost_against_size, "scaling": scaling_with_ranks,
         "data": loading_of_data}


def main(given=None):
    options = arguments.parse(__doc__, given)
    for part in options.parts:
        for place, (text, drawn) in PARTS[part](options).items():
            print(text, end="\n\n", flush=True)
            if not options.write:
                continue
            page.write_between(options.page, place, text)
            for suffix, drawing in drawn.items():
                options.page.with_name(options.page.stem + suffix).write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main()
