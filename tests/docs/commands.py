"""What can be known of a command without running it: that what it names is there."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import click
import yaml

from holdgate.cli import main
from tests.processes import ROOT

# Set by the reader, or read by other programs.
THEIRS = {
    "TOKEN",
    "HOLDGATE_TOKEN",
    "ID",
    "REPOSITORY",
    "FUZZ",
    "BASE_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
}
ASSIGNED = re.compile(r"(?:^|\s)(?:export )?([A-Z][A-Z_]+)=", re.M)
COMPOSE = ROOT / "compose.yaml"
KUBERNETES = ROOT / "deploy" / "kubernetes"
SETTINGS = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
EXTRAS = re.compile(r"holdgate\[([a-z,]+)\]")
DOCUMENT = re.compile(r"[\w.-]+(?:/[\w.-]+)+/?|[\w-]+\.(?:ya?ml|toml|md|env)")


def problems(text: str) -> list[str]:
    """What a shell block names that does not exist."""
    ours = SETTINGS | THEIRS | set(re.findall(r"\$\{(\w+)", COMPOSE.read_text() if COMPOSE.exists() else ""))
    found = [f"{name} is no setting" for name in ASSIGNED.findall(text) if name not in ours]
    declared = (ROOT / "pyproject.toml").read_text()
    for extras in EXTRAS.findall(text):
        found += [f"no extra {extra}" for extra in extras.split(",") if f"\n{extra} = [" not in declared]
    for line in text.replace("\\\n", " ").splitlines():
        found += _of_line(line)
    return found


def _of_line(line: str) -> list[str]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return []  # a quotation over several lines
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if not words:
        return []
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
        return [f"make has no {target}" for target in targets if target not in TARGETS]
    if Path(words[0]).name == "holdgate":
        return _of_holdgate(words[1:])
    if Path(words[0]).name == "pytest":
        return [f"no {word}" for word in words[1:] if word.startswith("tests") and not (ROOT / word).exists()]
    if words[:2] == ["docker", "compose"]:
        return _of_compose(words[2:])
    if words[0] in ("docker", "kubectl", "kustomize"):
        missing = [f"no {path}" for path in _files(words) if not any((at / path).exists() for at in (ROOT, KUBERNETES))]
        return missing + _of_kubectl(words)
    return []


def _of_kubectl(words: list[str]) -> list[str]:
    """The deployments it names are ours, and what is run in one is a command of ours."""
    named = [word.split("/")[1] for word in words if re.fullmatch(r"deploy(?:ment)?/[\w-]+", word)]
    declared = " ".join(path.read_text() for path in KUBERNETES.rglob("*.yaml")) if named else ""
    found = [f"no deployment {name}" for name in named if f"name: {name}\n" not in declared]
    if "--" in words and words[words.index("--") + 1 :][:1] == ["holdgate"]:
        found += _of_holdgate(words[words.index("--") + 2 :])
    return found


def _of_compose(words: list[str]) -> list[str]:
    """Its services are in compose.yaml, and what is run in one is a command of ours."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    plain = [word for word in words if not word.startswith("-")]
    found = [f"no service {name}" for name in re.findall(r"--scale (\w+)=", " ".join(words)) if name not in services]
    if words[:1] == ["exec"] or "--entrypoint" in words:  # a program of the container's, not ours
        return found + ([] if set(plain) & set(services) else ["no such service"])
    if words[0] == "run":
        found += [] if plain[1] in services else [f"no service {plain[1]}"]
        found += _of_holdgate(plain[2:] + [word for word in words if word.startswith("--send")]) if plain[2:] else []
    return found


def _files(words: list[str]) -> list[str]:
    """What is handed to -f or -k."""
    return [value for flag, value in pairwise(words) if flag in ("-f", "-k", "--file", "--kustomize") and value != "-"]


def _of_holdgate(words: list[str]) -> list[str]:
    """Parsed by the command itself, as far as that goes without running it."""
    command: click.Command = main
    context = click.Context(main, info_name="holdgate")
    while isinstance(command, click.Group):
        name = words[0] if words else ""
        found = command.get_command(context, name)
        if found is None:
            return [f"no command holdgate {name}"]
        command, words = found, words[1:]
    known = {spelling for parameter in command.params for spelling in (*parameter.opts, *parameter.secondary_opts)}
    given = [word.split("=")[0] for word in words if word.startswith("--")]
    return [f"no option {word}" for word in given if word not in known | {"--help"}]
