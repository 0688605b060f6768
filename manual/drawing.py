"""Draws the chart of a life cycle as SVG: where boxes stand is said by hand, what leads where by the declaration.

Light and dark by the reader's preference, on a ground of its own, so that it reads on any page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from holdgate.core.machine import Machine

LINE = 19  # pixels from one state's name to the next
STYLE = """
  .ground { fill: #fbfaf7 } .box { fill: #ffffff; stroke: #57534e } .frame { fill: none; stroke: #a8a29e }
  .end { fill: #f0eee9 } .hold { fill: #fff3d6; stroke: #b45309 }
  text { font: 14px ui-sans-serif, system-ui, sans-serif; fill: #1c1917 }
  .verb { font-size: 12.5px; fill: #57534e; paint-order: stroke; stroke: #fbfaf7; stroke-width: 5px }
  .note { font-size: 12.5px; fill: #57534e }
  .way { fill: none; stroke: #78716c; stroke-width: 1.4 } .tip { fill: #78716c }
  .dot { fill: #b45309 } .cell { fill: none; stroke: #d6d3d1 } .self { fill: #e7e5e4 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #1c1917 } .box { fill: #292524; stroke: #a8a29e } .frame { stroke: #57534e }
    .end { fill: #1f1c1a } .hold { fill: #3f2d0f; stroke: #f59e0b }
    text { fill: #f5f5f4 } .verb { fill: #d6d3d1; stroke: #1c1917 } .note { fill: #d6d3d1 }
    .way { stroke: #a8a29e } .tip { fill: #a8a29e }
    .dot { fill: #f59e0b } .cell { stroke: #44403c } .self { fill: #3a3532 }
  }
"""


@dataclass(frozen=True)
class Box:
    """One or several states that stand together. `x`, `y` are its middle; `look`: `box`, `box hold` or `box end`."""

    states: tuple[str, ...]
    x: int
    y: int
    look: str = "box"
    width: int = 150


@dataclass(frozen=True)
class Way:
    """How an edge is drawn: an SVG path, and where its verbs stand."""

    path: str
    label: tuple[int, int]
    anchor: str = "middle"


@dataclass(frozen=True)
class Chart:
    """`ways`: (box, box) → how. The frame stands for several boxes: verbs that lead from all of them leave it.

    Verbs that lead from an end back to `home` are written into the end's box.
    """

    title: str
    machine: Machine[Any, Any]
    size: tuple[int, int]
    boxes: Mapping[str, Box]
    ways: Mapping[tuple[str, str], Way]
    home: str
    framed: tuple[str, ...] = ()
    frame: tuple[int, int, int, int] = (0, 0, 0, 0)
    frame_name: str = ""
    ends: tuple[str, ...] = field(default=())


FRAME = "frame"


def svg(chart: Chart) -> str:
    edges, returns = _edges(chart)
    if edges.keys() != chart.ways.keys():
        raise ValueError(f"{chart.title}: not drawn or no more there: {sorted(edges.keys() ^ chart.ways.keys())}")
    inner = []
    if chart.framed:
        x, y, width, height = chart.frame
        inner += [
            f'<rect class="frame" x="{x}" y="{y}" width="{width}" height="{height}" rx="14" stroke-dasharray="5 5"/>'
        ]
        inner += [f'<text class="note" x="{x + 14}" y="{y + height - 12}">{escape(chart.frame_name)}</text>']
    inner += [f'<path class="way" d="{way.path}" marker-end="url(#tip)"/>' for way in chart.ways.values()]
    inner += [_box(box, returns.get(name, [])) for name, box in chart.boxes.items()]
    for (start, end), way in chart.ways.items():
        x, y = way.label
        verbs = ", ".join(edges[start, end])
        inner.append(f'<text class="verb" x="{x}" y="{y}" text-anchor="{way.anchor}">{escape(verbs)}</text>')
    return document(chart.title, chart.size, inner)


def document(title: str, size: tuple[int, int], inner: list[str]) -> str:
    width, height = size
    box = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img">'
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    tip = f'<defs>{tip}<path class="tip" d="M0 0 L8 4 L0 8 z"/></marker></defs>'
    ground = f'<rect class="ground" width="{width}" height="{height}" rx="10"/>'
    parts = [head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", tip, ground, *inner, "</svg>"]
    return "\n".join(parts) + "\n"


def _edges(chart: Chart) -> tuple[dict[tuple[str, str], list[str]], dict[str, list[str]]]:
    """(box, box) → the verbs whose usual way it is; and end → the verbs that lead home from it."""
    of_state = {state: name for name, box in chart.boxes.items() for state in box.states}
    missing = {str(state) for state in chart.machine.states} ^ of_state.keys()
    if missing:
        raise ValueError(f"{chart.title}: states without a place, or places without a state: {sorted(missing)}")
    framed = {state for name in chart.framed for state in chart.boxes[name].states}
    edges: dict[tuple[str, str], list[str]] = {}
    returns: dict[str, list[str]] = {}
    for verb, move in chart.machine.moves.items():
        sources = {str(state) for state in move.sources}
        target = of_state[str(move.targets[0])]
        starts = {FRAME} if framed and sources == framed else {of_state[source] for source in sources}
        for start in starts:
            if start in chart.ends and target == chart.home:
                returns.setdefault(start, []).append(str(verb))
            else:
                edges.setdefault((start, target), []).append(str(verb))
    return edges, returns


def _box(box: Box, back: list[str]) -> str:
    lines = len(box.states) + bool(back)
    height = lines * LINE + 17
    left, top = box.x - box.width // 2, box.y - height // 2
    parts = [f'<rect class="{box.look}" x="{left}" y="{top}" width="{box.width}" height="{height}" rx="8"/>']
    y = top + 22
    for state in box.states:
        parts.append(f'<text x="{box.x}" y="{y}" text-anchor="middle">{escape(state)}</text>')
        y += LINE
    if back:
        parts.append(f'<text class="note" x="{box.x}" y="{y}" text-anchor="middle">↩ {escape(", ".join(back))}</text>')
    return "\n".join(parts)
