"""A small writer of SVG charts for light and dark pages, without scripts, fonts or external resources."""

import math
from xml.sax.saxutils import escape, quoteattr

STYLE = """
  svg { --page: #ffffff; --text: #1f2328; --faint: #59636e; --grid: #d8dee4;
        --expandft: #0969da; --lora: #bc4c00; --full: #6e7781; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --text: #e6edf3; --faint: #9198a1; --grid: #30363d;
          --expandft: #58a6ff; --lora: #f0883e; --full: #8b949e; }
  }
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--text); }
  .title { font-weight: 600; font-size: 13px; }
  .faint { fill: var(--faint); font-size: 11px; }
  .page { fill: var(--page); }
  .grid { stroke: var(--grid); }
  .axis { stroke: var(--faint); }
  .mark { stroke: var(--text); stroke-width: 2; }
  .range { stroke: var(--text); stroke-width: 1; opacity: 0.7; }
  polyline { fill: none; stroke-width: 2; }
""" + "".join(f"  .fill-{name} {{ fill: var(--{name}); }}\n  .line-{name} {{ stroke: var(--{name}); }}\n"
              for name in ("expandft", "lora", "full"))


def number(value):
    """A coordinate with at most one decimal, so that equal figures give equal files."""
    return f"{value:.1f}".removesuffix(".0")


class Drawing:
    """Elements in the order in which they are drawn. Coordinates are in pixels, from the upper left corner."""

    def __init__(self, width, title):
        self.width, self.title, self.elements = width, title, []

    def add(self, name, style, content=None, **attributes):
        written = "".join(f" {key.replace('_', '-')}={quoteattr(value if isinstance(value, str) else number(value))}"
                          for key, value in attributes.items())
        end = "/>" if content is None else f">{escape(content)}</{name}>"
        self.elements.append(f'<{name} class="{style}"{written}{end}')

    def text(self, x, y, content, style="label", anchor="start"):
        self.add("text", style, content, x=x, y=y, text_anchor=anchor)

    def line(self, x1, y1, x2, y2, style):
        self.add("line", style, x1=x1, y1=y1, x2=x2, y2=y2)

    def rectangle(self, x, y, width, height, style):
        self.add("rect", style, x=x, y=y, width=width, height=height)

    def circle(self, x, y, radius, style):
        self.add("circle", style, cx=x, cy=y, r=radius)

    def curve(self, points, style):
        self.add("polyline", style, points=" ".join(f"{number(x)},{number(y)}" for x, y in points))

    def written(self, height):
        """The file's text."""
        size = f"{number(self.width)} {number(height)}"
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{number(self.width)}" '
                f'height="{number(height)}" role="img">\n<title>{escape(self.title)}</title>\n'
                f"<style>{escape(STYLE)}</style>\n"
                f'<rect class="page" x="0" y="0" width="100%" height="100%"/>\n'
                + "\n".join(self.elements) + "\n</svg>\n")


def ticks(most, count=5):
    """Round numbers from 0 to `most` or less: steps of 1, 2 or 5 times a power of ten, at most `count` of them."""
    power = 10.0 ** (math.floor(math.log10(most)) - 1)
    step = next(factor * power for factor in (1, 2, 5, 10, 20, 50, 100) if factor * power * count >= most)
    return [step * i for i in range(int(most / step + 1e-9) + 1)]


def short(value):
    """A number for an axis: 1500 as 1.5k."""
    if value >= 1000:
        return f"{value / 1000:g}k"
    return f"{value:g}"
