"""The names of the product: what `from holdgate import …` gives, and that the name it had before is gone."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import holdgate
from manual.python import members

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "app" / "holdgate"
# Where what was is told.
MAY_SAY_THE_OLD_NAME = (
    "CHANGELOG.md",
    "docs/decisions/0149-",
    "docs/decisions/index.md",
    "tests/test_names.py",
)


def tracked() -> list[str]:
    """The files of the repository, also those about to be committed; all files where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True
    )
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_the_name_it_had_before_is_nowhere() -> None:
    old = re.compile(rb"holdpoint|(?<![A-Za-z0-9_])hp_", re.IGNORECASE)
    files = [name for name in tracked() if not name.startswith(MAY_SAY_THE_OLD_NAME)]
    assert len(files) > 500
    # A picture may hold these letters by chance, as bytes.
    texts = [name for name in files if b"\0" not in (ROOT / name).read_bytes()[:8000]]
    found = [name for name in files if re.search("holdpoint", name, re.IGNORECASE)]
    assert found + [name for name in texts if old.search((ROOT / name).read_bytes())] == []


def test_nobody_is_told_to_install_a_name_from_an_index() -> None:
    """Until a release is published, and ever by a name that is somebody else's: what is installed is a file."""
    told = re.compile(r"pip3? install[^\n]*?[ '\"](hold\w+)(\[|'|\"| |$)", re.MULTILINE)
    files = [name for name in tracked() if name.endswith((".md", ".py", ".html", ".txt", ".yaml", ".toml", "Makefile"))]
    texts = {
        name: (ROOT / name).read_text(errors="replace") for name in files if not name.startswith(MAY_SAY_THE_OLD_NAME)
    }
    assert {name: told.findall(text) for name, text in texts.items() if told.search(text)} == {}


def test_the_public_names_are_found_typed_and_listed_in_the_docs() -> None:
    for name in holdgate.__all__:
        assert getattr(holdgate, name).__doc__, f"{name} says nothing of itself"
    declared = {
        alias.asname: f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse((PACKAGE / "__init__.py").read_text()))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("holdgate.")
        for alias in node.names
        if alias.asname  # all but what is imported where it is used
    }
    assert declared == {name: f"holdgate.{home}.{name}" for name, home in holdgate._HOMES.items()}
    public = {name: getattr(holdgate, name) for name in holdgate.__all__}
    said = {(name, each): inspect.getdoc(part) for name, value in public.items() for each, part in members(value)}
    assert [where for where, doc in said.items() if not doc] == [] and ("Kind", "enqueue") in said
    page = (ROOT / "docs/reference/python.md").read_text()
    assert sorted(re.findall(r"^\| `(\w+)`", page, re.MULTILINE)) == sorted(holdgate.__all__)
    assert (PACKAGE / "py.typed").is_file()


def test_the_package_alone_loads_nothing_more() -> None:
    code = "import holdgate, sys; print([n for n in sys.modules if n.startswith('holdgate.') or n == 'sqlalchemy'])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_the_package_needs_nothing_of_the_sandbox_but_where_a_checkout_has_it() -> None:
    users = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and str(node.module).startswith("sandbox"))
        or (isinstance(node, ast.Import) and any(alias.name.startswith("sandbox") for alias in node.names))
    ]
    assert users == ["development.py"]
