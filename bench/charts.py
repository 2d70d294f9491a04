"""The charts of docs/performance.md: bars for each program and model, lines for cost against size."""

import statistics

import svg

WIDTH, LEFT, RIGHT = 820, 236, 100
BAR, GAP = 18, 8


def speed(all_measured, title, name_of):
    """Tokens per second of each program, one group of bars per model, with the limit of products marked; SVG text.

    `title`: (program, measured) -> the label of a bar; `name_of`: measured -> that of a group.
    """
    drawing = svg.Drawing(WIDTH, "Training speed: tokens per second of each program, by model")
    y = 8
    for measured in all_measured:
        programs = [program for program in measured.runs if measured.has(program)]
        if programs:
            y = group(drawing, measured, programs, title, name_of(measured), y) + 22
    drawing.line(LEFT + 7, y - 10, LEFT + 7, y + 4, "mark")
    drawing.text(LEFT + 16, y + 1, "limit: matrix products of the same shapes alone, in the same run; "
                 "(%): share reached", "faint")
    return drawing.written(y + 16)


def group(drawing, measured, programs, title, name, y):
    """Draws the bars of one model from y down; returns where it ends."""
    most = 1.04 * max(max(measured.limit(program), *(run.tokens_per_second for run in measured.runs[program]))
                      for program in programs)
    scale = (WIDTH - LEFT - RIGHT) / most
    bottom = y + 26 + len(programs) * (BAR + GAP)
    drawing.text(12, y + 14, name, "title")
    drawing.text(LEFT, y + 14, "tokens per second", "faint")
    for tick in svg.ticks(most):
        x = LEFT + tick * scale
        drawing.line(x, y + 22, x, bottom, "grid")
        drawing.text(x, bottom + 13, svg.short(tick), "faint", "middle")
    for i, program in enumerate(programs):
        top = y + 26 + i * (BAR + GAP)
        middle, reached = top + BAR / 2, measured.tokens_per_second(program)
        speeds = [run.tokens_per_second for run in measured.runs[program]]
        drawing.text(LEFT - 8, middle + 4, title(program, measured).replace("`", ""), anchor="end")
        drawing.rectangle(LEFT, top, reached * scale, BAR, f"fill-{program.method}")
        drawing.line(LEFT + min(speeds) * scale, middle, LEFT + max(speeds) * scale, middle, "range")
        x = LEFT + measured.limit(program) * scale
        drawing.line(x, top - 3, x, top + BAR + 3, "mark")
        share = measured.reached(program) / measured.product_rate(program)
        drawing.text(WIDTH - RIGHT + 10, middle + 4, f"{reached:.0f} ({share:.0%})")
    return bottom + 16


PANEL, HEIGHT, BETWEEN = 142, 120, 18
NAMES = {"expandft": "expandft", "lora": "PEFT LoRA", "full": "transformers, full"}


def cost(dimensions):
    """Small charts, one per dimension of size: tokens per second above, peak memory below; SVG text.

    dimensions: {name: {method: [(value, tokens per second, peak bytes)]}}, values ascending.
    """
    left = 48
    drawing = svg.Drawing(left + len(dimensions) * (PANEL + BETWEEN), "Cost against size")
    methods = list(dict.fromkeys(method for of in dimensions.values() for method in of))
    drawing.text(8, 16, "tokens per second", "title")
    drawing.text(8, 16 + HEIGHT + 74, "peak memory, MiB", "title")
    for which, top, unit in ((1, 30, 1), (2, 30 + HEIGHT + 74, 2**20)):
        most = 1.06 * max(point[which] / unit for of in dimensions.values() for points in of.values()
                          for point in points)
        for tick in svg.ticks(most, 4):
            drawing.text(left - 6, top + HEIGHT * (1 - tick / most) + 4, svg.short(tick), "faint", "end")
        for i, (name, of) in enumerate(dimensions.items()):
            x = left + i * (PANEL + BETWEEN)
            panel(drawing, x, top, name, most, {method: [(point[0], point[which] / unit) for point in points]
                                               for method, points in of.items()})
    y = 30 + 2 * HEIGHT + 74 + 50
    if len(methods) > 1:
        for i, method in enumerate(methods):
            drawing.rectangle(left + i * 140, y - 9, 10, 10, f"fill-{method}")
            drawing.text(left + i * 140 + 15, y, NAMES[method])
        y += 20
    return drawing.written(y - 6)


def panel(drawing, x, top, name, most, lines):
    """One small chart: values of `lines` evenly spaced along the axis, heights from 0 to `most`."""
    values = sorted({value for points in lines.values() for value, _ in points})
    places = {value: x + 10 + (PANEL - 20) * (i / (len(values) - 1) if len(values) > 1 else 0.5)
              for i, value in enumerate(values)}
    for tick in svg.ticks(most, 4):
        y = top + HEIGHT * (1 - tick / most)
        drawing.line(x, y, x + PANEL, y, "grid" if tick else "axis")
    for value, place in places.items():
        label = str(value) if value < 2000 else f"{value / 1000:.0f}k"
        drawing.text(place, top + HEIGHT + 14, label, "faint", "middle")
    drawing.text(x + PANEL / 2, top + HEIGHT + 30, name, anchor="middle")
    for method, points in lines.items():
        at = [(places[value], top + HEIGHT * (1 - height / most)) for value, height in points]
        drawing.curve(at, f"line-{method}")
        for point in at:
            drawing.circle(*point, 3, f"fill-{method}")


def points_of(runs):
    """(tokens per second, peak bytes): medians over several runs."""
    return (statistics.median(run.tokens_per_second for run in runs), statistics.median(run.peak_bytes for run in runs))
