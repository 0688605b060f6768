"""Markdown tables."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Ends with an empty line. A bar in a cell is written so that it does not end the cell."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n\n"


def code(words: Iterable[str]) -> str:
    """`a`, `b`; a dash when there is none."""
    return ", ".join(f"`{word}`" for word in words) or "–"
