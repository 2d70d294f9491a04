#include "pages/html_page.h"

#include "pages/html.h"

namespace expandft {
namespace {

/// Sets the colours of light and dark once, at the top; charts use them too.
std::string_view page_style() {
  // Charts scale with the page and the text sizes of `svg text` with them: hence the media queries.
  return R"css(
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --line: #dde1e7; --grid: #e8ebef; --text: #1b2230;
  --quiet: #5a6577; --first: #1f5fbf; --faint: #6f9de0; --second: #b4500b; --good: #17693a;
  --good-back: #e0f3e6; --bad: #a3201c; --bad-back: #fce6e4; --plain-back: #eceff3;
  --c0: #1f5fbf; --c1: #b4500b; --c2: #17733f; --c3: #7a3db8; --c4: #b3246e; --c5: #0b6b80;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11151b; --card: #1a2029; --line: #323b48; --grid: #29313c; --text: #e6eaf0;
    --quiet: #a2adbd; --first: #7db2ff; --faint: #5378b3; --second: #f5a35c; --good: #7fdc9f;
    --good-back: #173524; --bad: #ff9d96; --bad-back: #46211f; --plain-back: #29313c;
    --c0: #7db2ff; --c1: #f5a35c; --c2: #74d394; --c3: #c9a0ff; --c4: #ff93c1; --c5: #63d0e0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
main { max-width: 1200px; margin: 0 auto; padding: 24px 16px 40px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 12px; overflow-wrap: anywhere; }
h3 { font-size: .95rem; margin: 0 0 4px; }
p { margin: 0 0 12px; }
.quiet, dt, footer { color: var(--quiet); }
section, nav, .figures > figure {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 16px; margin: 16px 0 0;
}
.charts { background: none; border: 0; padding: 8px 0 0; }
.charts > h2 { margin: 0; }
.charts > p { margin: 4px 0 0; }
.figures > figure { display: flex; flex-direction: column; }
.figures figure > svg { margin-top: auto; padding-top: 4px; }
.figures { display: grid; gap: 0 16px; grid-template-columns: minmax(0, 1fr); }
.numbers { display: grid; gap: 12px; grid-template-columns: repeat(2, minmax(0, 1fr)); margin: 0; }
.numbers dd { font-size: 1.1rem; font-weight: 600; }
.numbers.models { grid-template-columns: minmax(0, 1fr); }
dt { font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.facts dt { margin-top: 8px; }
.facts { margin: 0; }
.pair { display: grid; gap: 0 16px; grid-template-columns: minmax(0, 1fr); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 8px; text-align: right; border-bottom: 1px solid var(--line); }
thead th { font-size: .85rem; font-weight: 500; color: var(--quiet); vertical-align: bottom; }
th:first-child, td:last-child, thead th:last-child { text-align: left; }
tbody th { font-weight: 600; overflow-wrap: anywhere; }
tbody tr:last-child > * { border-bottom: 0; }
tbody .group { padding-top: 16px; font-size: .85rem; color: var(--quiet); text-align: left; }
.verdict { display: inline-block; white-space: nowrap; padding: 1px 8px; border-radius: 6px; background: var(--plain-back); }
.good { color: var(--good); background: var(--good-back); }
.bad { color: var(--bad); background: var(--bad-back); }
.legend { display: flex; flex-wrap: wrap; gap: 0 14px; margin: 0; padding: 0; list-style: none;
  font-size: .8rem; color: var(--quiet); }
.legend li { overflow-wrap: anywhere; }
.legend svg { display: inline-block; width: 26px; height: 16px; margin-right: 6px; vertical-align: -3px; }
svg { display: block; width: 100%; height: auto; }
svg text { font-size: 12px; fill: var(--quiet); }
svg .tick { font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--grid); }
svg .axis { stroke: var(--quiet); }
svg .grid, svg .axis, svg .series { vector-effect: non-scaling-stroke; fill: none; }
svg .series { stroke-linejoin: round; stroke-linecap: round; }
svg .plain { stroke: var(--first); stroke-width: 2; }
svg .faint { stroke: var(--faint); stroke-width: 1; }
svg .c0 { --tone: var(--c0); } svg .c1 { --tone: var(--c1); } svg .c2 { --tone: var(--c2); }
svg .c3 { --tone: var(--c3); } svg .c4 { --tone: var(--c4); } svg .c5 { --tone: var(--c5); }
svg .solid, svg .dashed { stroke: var(--tone); stroke-width: 2; }
svg .series.dashed { stroke-dasharray: 6 4; }
svg .reference { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 2 3; fill: none;
  vector-effect: non-scaling-stroke; }
svg .note { fill: var(--text); paint-order: stroke; stroke: var(--card); stroke-width: 3px;
  stroke-linejoin: round; }
svg .hover { fill: none; pointer-events: all; }
svg .dot { stroke: none; }
svg .dot.solid { fill: var(--tone); }
svg .dot.dashed { fill: var(--card); stroke: var(--tone); stroke-width: 1.5; stroke-dasharray: none; }
svg .dot.warning { fill: var(--bad); }
svg .dot.ring { fill: none; stroke: var(--second); stroke-width: 2; pointer-events: none; }
svg .dot.plain { fill: var(--first); }
svg .dot.faint { fill: var(--faint); }
.sample + .sample { border-top: 1px solid var(--line); margin-top: 20px; padding-top: 16px; }
.sample .pair { gap: 12px 16px; margin-top: 12px; }
.sample h3 { font-size: .85rem; font-weight: 500; color: var(--quiet); margin: 0 0 4px; }
.sample pre { white-space: pre-wrap; overflow-wrap: anywhere; max-height: 18rem; margin: 0;
  padding: 10px 12px; border-radius: 6px; background: var(--page); border-left: 3px solid var(--line); }
.sample .base pre { border-left-color: var(--quiet); }
.sample .tuned pre { border-left-color: var(--first); }
.sample .empty { margin: 0; font-style: italic; }
.sample > table { margin-top: 8px; }
.sample .verdict, .references { font-weight: 400; }
.text { white-space: pre-wrap; font-weight: 400; overflow-wrap: anywhere; }
.losses .text { white-space: normal; }
.references { margin-top: 12px; }
.references ul, nav ul { margin: 0; padding-left: 20px; }
.references li { border-left: 0; }
.sample .references .text { font: .8rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
.answers { margin-top: 12px; border-top: 1px solid var(--line); padding-top: 12px; }
.answers > .sample { margin-top: 16px; }
a { color: var(--first); overflow-wrap: anywhere; }
.answers .prompt pre { max-height: none; }
details > summary { cursor: pointer; font-weight: 600; }
pre { overflow: auto; font: .8rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; margin: 12px 0 0; }
footer { margin-top: 24px; font-size: .85rem; overflow-wrap: anywhere; }
@media (max-width: 699px) {
  table, tbody { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tbody tr { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); padding: 10px 0;
    border-bottom: 1px solid var(--line); gap: 6px 8px; }
  tbody th, tbody td, tbody td:last-child { border: 0; padding: 0; text-align: left; }
  tbody tr:last-child { border-bottom: 0; padding-bottom: 0; }
  tbody th { grid-column: 1 / -1; }
  tbody tr:has(.group) { padding-bottom: 0; border: 0; }
  td::before { content: attr(data-label); display: block; font-size: .75rem; color: var(--quiet); }
  tbody td:last-child { grid-column: 1 / -1; }
  tbody td { overflow-wrap: anywhere; }
  td:empty { display: none; }
  .figures > figure { padding: 12px 10px; }
}
@media (min-width: 500px) { svg text { font-size: 10px; } }
@media (min-width: 700px) {
  main { padding: 32px 24px 48px; }
  .numbers { grid-template-columns: repeat(4, minmax(0, 1fr)); }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  svg text { font-size: 12px; }
  .losses :is(td, thead th):last-child { text-align: right; }
}
@media (min-width: 900px) {
  .pair, .numbers.models { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media (min-width: 1100px) {
  svg text { font-size: 9.5px; }
  /* Three charts are one row, not two with a hole. */
  .figures:has(> :nth-child(3):last-child) { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .figures:has(> :nth-child(3):last-child) svg text { font-size: 12px; }
}
@media print { section, figure { break-inside: avoid; } }
)css";
}

}  // namespace

std::string html_page(std::string_view title, std::string_view body) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  out += html_escaped(title);
  out += "</title>\n<style>";
  out += page_style();
  out += "</style>\n</head>\n<body>\n<main>\n";
  out += body;
  out += "</main>\n</body>\n</html>\n";
  return out;
}

}  // namespace expandft
