"""What `docker build` hands to the builder: the files that .dockerignore leaves."""

import fnmatch
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath


def files(root: Path) -> Iterator[PurePosixPath]:
    """Paths below `root`, in an order that is always the same."""
    rules = [line for raw in (root / ".dockerignore").read_text().splitlines() if (line := raw.split("#")[0].strip())]
    for place, folders, names in os.walk(root):
        here = PurePosixPath(Path(place).relative_to(root).as_posix())
        folders[:] = sorted(name for name in folders if _may_hold(here / name, rules))
        yield from (here / name for name in sorted(names) if is_kept(here / name, rules))


def _may_hold(folder: PurePosixPath, rules: Iterable[str]) -> bool:
    """A folder that is left out may still hold something that a later rule takes back."""
    return is_kept(folder, rules) or any(folder in PurePosixPath(rule[1:]).parents for rule in rules if rule[0] == "!")


def is_kept(path: PurePosixPath, rules: Iterable[str]) -> bool:
    """The last rule that fits the path, or a folder it is in, decides. Rules begin at the top, unlike git's."""
    kept = True
    for rule in rules:
        if any(_fits(place.parts, PurePosixPath(rule.lstrip("!")).parts) for place in (path, *path.parents)):
            kept = rule.startswith("!")
    return kept


def _fits(parts: tuple[str, ...], rule: tuple[str, ...]) -> bool:
    if not rule or not parts:
        return not rule and not parts
    if rule[0] == "**":
        return _fits(parts, rule[1:]) or _fits(parts[1:], rule) or len(rule) == 1
    return fnmatch.fnmatchcase(parts[0], rule[0]) and _fits(parts[1:], rule[1:])
