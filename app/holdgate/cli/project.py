"""`holdgate init`: a small working project, in an empty folder or beside a product that is there."""

import re
import tomllib
from pathlib import Path

import click

SCAFFOLD = Path(__file__).parent / "scaffold"
TABLE = """
[tool.holdgate]
kinds = ["{package}.kinds"]
queues = {{ default = 100, mail = 5, webhooks = 5 }}
"""
# So that the package is found however pytest is started; a product that is there has its own way.
PYTEST = """
[tool.pytest.ini_options]
pythonpath = ["."]
"""
NO_PACKAGES = {"tests", "test", "docs", "examples", "migrations", "scripts", "src"}


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
def init(folder: Path) -> None:
    """Write a small working project into FOLDER: a kind, its test, a compose file, settings.

    Beside a product it uses the package that is there. It overwrites nothing, and says what it left as it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pyproject = folder / "pyproject.toml"
    existing = pyproject.read_text() if pyproject.exists() else None
    try:
        settings = tomllib.loads(existing or "")
    except tomllib.TOMLDecodeError as error:
        raise click.ClickException(f"{pyproject} can’t be read: {error}. Correct it, and run this again.") from None
    where, package = _package(folder, str(settings.get("project", {}).get("name", "")))
    for name, source in {
        f"{where}/__init__.py": None,
        f"{where}/kinds.py": "kinds.py",
        "tests/test_kinds.py": "test_kinds.py",
        "compose.yaml": "compose.yaml",
        ".env": "env",
        ".holdgate/.gitignore": None,
    }.items():
        text = (SCAFFOLD / f"{source}.txt").read_text().replace("{package}", package) if source else ""
        _write(folder / name, "*\n" if name.endswith(".gitignore") else text)
    table = TABLE.format(package=package)
    if existing is None:
        _write(pyproject, table.lstrip() + PYTEST)
    elif "holdgate" in settings.get("tool", {}):
        click.echo(f"  left     {pyproject}: it has [tool.holdgate]. Its kinds should name {package}.kinds")
    else:
        pyproject.write_text(existing.rstrip("\n") + "\n" + table)
        click.echo(f"  added    [tool.holdgate] at the end of {pyproject}")
    there = "" if folder.resolve() == Path.cwd() else f"cd {folder}; "
    click.echo(f"\nNext: {there}holdgate dev --reload, and python -m pytest tests/test_kinds.py")
    click.echo("Keep .env out of version control.")


def _package(folder: Path, project: str) -> tuple[str, str]:
    """The product's package: where it is, and its name. The project's name, else the only one, else a new one."""
    wanted = _module(project)
    found = [
        path
        for root in (folder / "src", folder)
        if root.is_dir()
        for path in sorted(root.iterdir())
        if (path / "__init__.py").is_file() and path.name not in NO_PACKAGES
    ]
    named = [path for path in found if path.name == wanted] or (found if len(found) == 1 else [])
    if named:
        return named[0].relative_to(folder).as_posix(), named[0].name
    new = wanted or _module(folder.resolve().name) or "app"
    return new, new


def _module(name: str) -> str:
    """A name for a package that can be imported: none that Python or we have."""
    made = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_")
    return made if made.isidentifier() and made not in {"holdgate", "tests", "test"} else ""


def _write(path: Path, text: str) -> None:
    if path.exists():
        click.echo(f"  left     {path}")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    click.echo(f"  wrote    {path}")
