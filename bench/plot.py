"""A line over a logarithmic axis as SVG, with nothing but the standard library."""

from collections.abc import Sequence
from html import escape
from math import log10

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 64, 40, 40, 40


def plot(title: str, points: Sequence[tuple[float, float]]) -> str:
    """`points`: (x, y), where x is drawn by its logarithm and y from zero."""
    low, high = (log10(edge(x for x, _ in points)) for edge in (min, max))
    top = _round_up(max(y for _, y in points))

    def at(x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - low) / ((high - low) or 1)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"',
        f' font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
    ]
    for step in range(5):
        y = top * step / 4
        _, down = at(points[0][0], y)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down:.1f}" y2="{down:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{down + 4:.1f}" text-anchor="end">{y:,.0f}</text>')
    for x, y in points:
        across, down = at(x, y)
        parts.append(
            f'<circle cx="{across:.1f}" cy="{down:.1f}" r="4" fill="#1d4ed8"><title>{x:,.0f}: {y:,.0f}</title></circle>'
        )
        parts.append(f'<text x="{across:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{x:,.0f}</text>')
    line = " ".join(f"{across:.1f},{down:.1f}" for across, down in (at(x, y) for x, y in points))
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1d4ed8" stroke-width="2"/></svg>')
    return "\n".join(parts) + "\n"


def _round_up(value: float) -> float:
    """To one digit that counts."""
    unit = 10 ** int(log10(max(value, 1)))
    return (value // unit + 1) * unit
