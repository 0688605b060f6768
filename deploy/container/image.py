"""Reads the Dockerfile by Docker's own parser and carries its steps out in a clean root, without a Docker engine.

Knows the instructions the Dockerfile uses; any other is an error, never passed over.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import dockerfile

from deploy.container import context

# Like `docker build`, which hands its host's proxies on: without them the host's package index may be out of reach.
HANDED_ON = re.compile(r"(?i)(https?|no)_proxy|pip_(cert|index_url|extra_index_url|default_timeout|trusted_host)")
CERTIFICATES = "/etc/ssl/certs"
Context: TypeAlias = tuple[PurePosixPath, ...]
USUAL = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclass(frozen=True)
class Image:
    """A root directory and how a container of it is run."""

    root: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(USUAL))
    workdir: str = "/"
    user: str = "0:0"
    labels: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def build(path: Path, bases: Mapping[str, Path], work: Path, say: Callable[[str], None]) -> Image:
    """The image of the last stage.

    Args:
        bases: image name → the root directory that stands for it.
        work: an empty directory on a file system that can carry an overlay.
    """
    images: dict[str, Image] = {}
    image: Image | None = None
    name = ""
    kept = tuple(context.files(path.parent))
    for step in dockerfile.parse_file(str(path)):
        say(f"{step.start_line:3} {step.cmd} {' '.join(step.value)[:100]}")
        if step.cmd == "FROM":
            source, *alias = step.value
            name = alias[1] if alias else f"stage-{len(images)}"
            image = Image(_layer(images[source].root if source in images else bases[source], work / name))
        else:
            assert image is not None
            image = _carried_out(image, step, path.parent, kept, images)
        images[name] = image
    assert image is not None
    return image


def _layer(below: Path, work: Path) -> Path:
    root, upper, own = (work / part for part in ("root", "upper", "own"))
    for made in (root, upper, own):
        made.mkdir(parents=True)
    mount("-t", "overlay", "overlay", "-o", f"lowerdir={below},upperdir={upper},workdir={own}", str(root))
    return root


def _carried_out(
    image: Image, step: dockerfile.Command, source: Path, kept: Context, images: Mapping[str, Image]
) -> Image:
    value: tuple[str, ...] = step.value
    match step.cmd:
        case "ENV":
            return replace(image, environ={**image.environ, **_pairs(value, image.environ)})
        case "LABEL":
            return replace(image, labels={**image.labels, **_pairs(value, image.environ)})
        case "WORKDIR":
            (image.root / value[0].lstrip("/")).mkdir(parents=True, exist_ok=True)
            return replace(image, workdir=value[0])
        case "USER":
            return replace(image, user=value[0])
        case "VOLUME":
            return replace(image, volumes=value)
        case "RUN":
            with _network(image.root):
                handed = {name: one for name, one in os.environ.items() if HANDED_ON.fullmatch(name)}
                run(image, ("/bin/sh", "-c", value[0]), {**image.environ, **handed})
        case "COPY":
            _copy(image, step.flags, value, source, kept, images)
        case "HEALTHCHECK":
            assert value[0] == "CMD" and step.json, "the health check is a command without a shell"
            return replace(image, healthcheck=value[1:])
        case "ENTRYPOINT" | "CMD":
            assert step.json, f"{step.cmd} goes by no shell, which would keep SIGTERM to itself"
            return replace(image, entrypoint=value) if step.cmd == "ENTRYPOINT" else replace(image, command=value)
        case "EXPOSE" | "STOPSIGNAL":
            pass
        case _:
            raise ValueError(f"{step.cmd} (line {step.start_line}) is not known here: deploy/container/image.py")
    return image


def _pairs(value: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Names and values in turn, quoted or not, with variables in them."""
    known = [re.sub(r"\$\{?(\w+)\}?", lambda name: environ.get(name[1], ""), one) for one in value[1::2]]
    return {name: "".join(shlex.split(one)) for name, one in zip(value[::2], known, strict=True)}


def _copy(
    image: Image,
    flags: Sequence[str],
    value: Sequence[str],
    source: Path,
    kept: Context,
    images: Mapping[str, Image],
) -> None:
    *sources, there = value
    target = image.root / str(PurePosixPath(image.workdir) / there).lstrip("/")
    if flags:
        (flag,) = flags
        (taken,) = sources
        stage = images[flag.removeprefix("--from=")].root / taken.lstrip("/")
        shutil.copytree(stage, target, symlinks=True, dirs_exist_ok=True)
        return
    for taken in sources:
        found = [path for path in kept if path == PurePosixPath(taken) or PurePosixPath(taken) in path.parents]
        assert found, f"COPY {taken}: .dockerignore leaves nothing of it"
        for path in found:
            inside = path.name if path == PurePosixPath(taken) else path.relative_to(taken)
            (target / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / path, target / inside)


@contextmanager
def _network(root: Path) -> Iterator[None]:
    """This machine's names and certificates, for as long as a step runs."""
    bound = [(place, root / place.lstrip("/")) for place in ("/etc/resolv.conf", CERTIFICATES)]
    for place, there in bound:
        mount("--bind", place, str(there))
    try:
        yield
    finally:
        for _, there in bound:
            subprocess.run(["umount", str(there)], check=True)


def run(image: Image, command: Sequence[str], environ: Mapping[str, str]) -> None:
    """A command of the build, as the user of that step."""
    done = subprocess.run(inside(image, command, environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[-1]}\n{done.stdout[-5000:]}")


def inside(image: Image, command: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """What starts `command` in the root as the user, as process 1 of its own, like a container's."""
    user, group = image.user.split(":")
    return [
        *("unshare", "--pid", "--fork", "--kill-child", "--mount", "--root", str(image.root), "--wd", image.workdir),
        *("--mount-proc", "--setgid", group, "--setuid", user),
        *("/usr/bin/env", "-i", *(f"{name}={value}" for name, value in environ.items()), *command),
    ]


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)
