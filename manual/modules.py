"""The map of the folders of the package: which imports which, read from the code."""

import ast
from pathlib import Path

from manual.drawing import document
from manual.tables import table

CELL = 26
TITLE = "Which folder of app/holdgate/ imports which"
HEAD = f"""# Modules

A folder of `app/holdgate/` is a feature. Each row of the map imports what has a dot, so imports run one way exactly if
every dot is right of the diagonal. *entries* are the files at its top. Generated from the code (`make reference`).

![{TITLE}](../pictures/modules.svg)

"""
ENTRIES = "entries"


def imports(package: Path) -> dict[str, set[str]]:
    """Folder → the folders its modules import. The files at the top are the entries."""
    found: dict[str, set[str]] = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).parts
        here = parts[0] if len(parts) > 1 else ENTRIES
        found.setdefault(here, set())
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.ImportFrom) and node.module == "holdgate":
                names = [f"holdgate.{alias.name}" for alias in node.names]
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                words = name.split(".")
                if words[0] == "holdgate" and len(words) > 1 and (package / words[1]).is_dir() and words[1] != here:
                    found[here].add(words[1])
    return found


def order(graph: dict[str, set[str]]) -> list[str]:
    """Importers before the imported; among equals by name."""
    left, found = dict(graph), list[str]()
    while left:
        free = sorted(name for name in left if not any(name in others for others in left.values()))
        if not free:
            raise ValueError(f"folders import each other in a circle: {sorted(left)}")
        found += free
        for name in free:
            del left[name]
    return found


def picture(package: Path) -> str:
    graph = imports(package)
    names = order(graph)
    left, top = 130, 110
    width, height = left + CELL * len(names) + 24, top + CELL * len(names) + 24
    inner = []
    for row, name in enumerate(names):
        y = top + row * CELL
        inner.append(f'<text x="{left - 10}" y="{y + 18}" text-anchor="end">{name}</text>')
        x = left + row * CELL
        inner.append(f'<text transform="translate({x + 18} {top - 10}) rotate(-90)">{name}</text>')
        for column, other in enumerate(names):
            cell = left + column * CELL
            look = "self" if row == column else "cell"
            inner.append(f'<rect class="{look}" x="{cell}" y="{y}" width="{CELL}" height="{CELL}"/>')
            if other in graph[name]:
                inner.append(f'<circle class="dot" cx="{cell + CELL // 2}" cy="{y + CELL // 2}" r="5"/>')
    return document(TITLE, (width, height), inner)


def page(package: Path) -> str:
    rows = [
        (f"`{name}`", _about(package / name / "__init__.py")) for name in order(imports(package)) if name != ENTRIES
    ]
    return (HEAD + table(("folder", "owns"), rows)).rstrip() + "\n"


def _about(module: Path) -> str:
    """The first paragraph of its docstring."""
    return " ".join((ast.get_docstring(ast.parse(module.read_text())) or "").split("\n\n")[0].split())
