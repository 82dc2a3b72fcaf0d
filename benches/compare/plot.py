"""Draws results of end_to_end: processor time per element, and peak memory of a node, against the
rows of each table.

    python3 benches/compare/plot.py results.json [MORE.json] > results.svg

One SVG with two panels and one line for each kernel, for light and dark viewers. Of several
queries the one with the least processor time is drawn. Needs Python alone.
"""

import json
import math
import sys

WIDTH, HEIGHT, TOP, PANEL = 940, 380, 70, (370, 250)
PANELS = [70, 540]
STYLE = """
  svg { font-family: system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 13px }
  .back { fill: #ffffff } text { fill: #24292f } .quiet { fill: #57606a } .title { font-weight: 600 }
  .grid { stroke: #d8dee4 } .axis { stroke: #57606a }
  path { fill: none; stroke-width: 2.5 } .floor { stroke-width: 1.5; stroke-dasharray: 5 4 }
  .a { stroke: #0b5fc4; color: #0b5fc4 } .b { stroke: #c2410c; color: #c2410c }
  .c { stroke: #1a7f37; color: #1a7f37 } .d { stroke: #8250df; color: #8250df }
  circle { fill: currentColor }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } text { fill: #e6edf3 } .quiet { fill: #9da7b3 }
    .grid { stroke: #2d333b } .axis { stroke: #9da7b3 }
    .a { stroke: #6cb0ff; color: #6cb0ff } .b { stroke: #ff9b63; color: #ff9b63 }
    .c { stroke: #57d364; color: #57d364 } .d { stroke: #c297ff; color: #c297ff }
  }
"""


def lines(files):
    """For each kernel and memory limit: (rows, best query) of counts over equal tables, by rows."""
    found = {}
    for name in files:
        with open(name) as file:
            runs = json.load(file)["runs"]
        for run in runs:
            rows, question = run["rows"], run.get("question", {})
            if rows["receiver"] != rows["sender"] or question.get("sum") or question.get("groups"):
                continue
            limit = run["memory_limit"]
            kernel = run["kernel"] + (f" (limit {limit})" if limit else "")
            best = min(run["queries"], key=lambda query: query["cpu_us_per_element"])
            found.setdefault(kernel, []).append((rows["receiver"], best))
    if not 1 <= len(found) <= 4:
        raise SystemExit("a picture has one to four kernels with pairs of equally large tables")
    return {kernel: sorted(runs, key=lambda run: run[0]) for kernel, runs in found.items()}


def step_for(highest):
    """1, 2 or 5 times a power of ten, so that at most five steps reach `highest`."""
    unit = 10 ** math.floor(math.log10(highest / 5))
    return next(step * unit for step in (1, 2, 5, 10) if step * unit * 5 >= highest)


def text(x, y, what, kind="quiet", anchor="start"):
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{what}</text>'


def rule(kind, x1, x2, y1, y2):
    return f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def panel(left, title, unit, series, decades):
    """`series` holds (class, points, whether it has dots)."""
    (width, height), bottom = PANEL, TOP + PANEL[1]
    highest = max(value for _, points, _ in series for _, value in points)
    step = step_for(highest)
    marks = [step * n for n in range(math.ceil(highest / step) + 1)]

    def x(rows):
        return left + (math.log10(rows) - decades[0]) / (decades[1] - decades[0]) * width

    def y(value):
        return bottom - value / marks[-1] * height

    yield text(left, TOP - 14, title, "title")
    for mark in marks:
        yield rule("grid", left, left + width, y(mark), y(mark))
        yield text(left - 8, y(mark) + 4.5, f"{mark:g}{unit}", anchor="end")
    for rows in (10**n for n in range(decades[0], decades[1] + 1)):
        yield rule("grid", x(rows), x(rows), TOP, bottom)
        size = next(f"{rows // u}{s}" for u, s in [(10**9, "G"), (10**6, "M"), (1000, "k"), (1, "")] if rows >= u)
        yield text(x(rows), bottom + 20, size, anchor="middle")
    yield rule("axis", left, left + width, bottom, bottom)
    yield text(left + width / 2, bottom + 40, "rows of each table", anchor="middle")
    for kind, points, dots in series:
        path = " L".join(f"{x(rows):.1f} {y(value):.1f}" for rows, value in points)
        yield f'<path class="{kind}" d="M{path}"/>'
        for rows, value in points if dots else []:
            yield f'<circle class="{kind}" cx="{x(rows):.1f}" cy="{y(value):.1f}" r="4"/>'


def draw(kernels):
    sizes = [rows for runs in kernels.values() for rows, _ in runs]
    low, high = math.floor(math.log10(min(sizes))), math.ceil(math.log10(max(sizes)))
    decades = low, max(high, low + 1)
    time, memory, left = [], [], PANELS[0]
    legend = []
    for kind, (kernel, runs) in zip("abcd", kernels.items()):
        time.append((kind, [(rows, q["cpu_us_per_element"]) for rows, q in runs], True))
        floor = [(rows, q["floor_us_per_element"]) for rows, q in runs]
        time.append((kind + " floor", floor, False))
        peaks = [(rows, max(n["peak_rss_bytes"] for n in q["nodes"].values())) for rows, q in runs]
        memory.append((kind, [(rows, peak / 1e6) for rows, peak in peaks], True))
        for line, name in [(kind, kernel), (kind + " floor", "its kernel alone")]:
            legend.append(f'<path class="{line}" d="M{left} 24 h30"/>')
            legend.append(text(left + 38, 28.5, name, "name"))
            left += 70 + 8 * len(name)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    label = "Processor time per element and peak memory of a node against the rows of each table"
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">'
    yield f'<style>{STYLE}</style>\n<rect class="back" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
    yield from panel(PANELS[0], "processor time, µs per element", "", time, decades)
    yield from panel(PANELS[1], "peak memory of a node during the query", " MB", memory, decades)
    yield from [*legend, "</svg>"]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    print("\n".join(draw(lines(sys.argv[1:]))))
