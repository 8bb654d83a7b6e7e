"""A page of curves, each with the dashed line that bounds it: plain SVG, nothing to fetch."""
import html
import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 300, 64, 16, 16, 44

STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #fff; --grid: #ddd; --ours: #0b62c4; --bound: #8a8a8a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #161616; --grid: #3a3a3a; --ours: #6db3ff; --bound: #9a9a9a; } }
body { font: 14px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 600px; margin: 2em auto; padding: 0 1em; }
h2 { font-size: 1.1em; margin: 2em 0 0.3em; } svg { width: 100%; height: auto; } text { fill: var(--ink); font-size: 12px; }
.grid { stroke: var(--grid); } .ours { stroke: var(--ours); fill: none; stroke-width: 2; } .point { fill: var(--ours); }
.bound { stroke: var(--bound); fill: none; stroke-width: 2; stroke-dasharray: 5 4; }
"""


def ticks(top):
    """About four round numbers from 0 to at least `top`."""
    step = 10 ** math.floor(math.log10(top / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if top / (step * factor) <= 5)
    return [step * i for i in range(math.ceil(top / step) + 1)]


def svg(curve):
    xs = [x for x, _, _ in curve.points]
    marks = ticks(max(max(rate, bound) for _, rate, bound in curve.points))
    low, high = math.log(min(xs)), math.log(max(xs))

    def across(x):  # logarithmic
        place = 0.5 if high == low else (math.log(x) - low) / (high - low)
        return LEFT + 12 + place * (WIDTH - LEFT - RIGHT - 24)

    def up(value):
        return HEIGHT - BOTTOM - value / marks[-1] * (HEIGHT - TOP - BOTTOM)

    def line(kind, pick):
        places = " ".join(f"{across(point[0]):.1f},{up(point[pick]):.1f}" for point in curve.points)
        return f'<polyline class="{kind}" points="{places}"/>'

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(curve.name)}">']
    for mark in marks:
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(mark):.1f}" y2="{up(mark):.1f}"/>'
                     f'<text x="{LEFT - 6}" y="{up(mark) + 4:.1f}" text-anchor="end">{mark:g}</text>')
    for x in xs:
        parts.append(f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{html.escape(curve.against)}</text>')
    parts += [line("bound", 2), line("ours", 1)]
    for x, rate, _ in curve.points:
        parts.append(f'<circle class="point" cx="{across(x):.1f}" cy="{up(rate):.1f}" r="3.5"><title>{x}: {rate:.1f}</title></circle>')
    return "\n".join(parts + ["</svg>"])


def page(curves, title):
    sections = (f"<h2>{html.escape(curve.name)}, {curve.unit}</h2>\n<p>Solid: ours. Dashed: {html.escape(curve.bound_is)}.</p>\n{svg(curve)}" for curve in curves)
    return (f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n'
            f"<h1>{html.escape(title)}</h1>\n" + "\n".join(sections) + "\n</html>\n")
