"""`make release`: builds the wheel, the source archive and the image's context of what is committed, and tries them;
beside them a bill of materials (CycloneDX) and the checksums of all. Then the commit is tagged, unless it is one
between releases.

Everything is tried as a stranger gets it: the wheel in an environment of its own, far from the checkout.
"""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from deploy.container import context
from deploy.servers import servers
from tests.processes import free_port

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
SECONDS = 30.0


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="holdgate-release-") as made:
        work = Path(made)
        source = _committed(work / "source")
        version = str(tomllib.loads((source / "pyproject.toml").read_text())["project"]["version"])
        found = problems(version, (source / "CHANGELOG.md").read_text(), (source / "Dockerfile").read_text())
        found += unfit(ROOT, version)
        if found:
            sys.exit("\n".join(found))
        DIST.mkdir(exist_ok=True)
        for old in DIST.glob("holdgate-*"):
            old.unlink()
        _hatchling(source, DIST)
        (wheel,), (archive,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
        _same_wheel_again(archive, wheel, work)
        image = _image_context(source, version)
        locked = source / "requirements-production.txt"
        bill = DIST / f"holdgate-{version}.cdx.json"
        bill.write_text(json.dumps(bill_of_materials(version, wheel, locked.read_text()), indent=1) + "\n")
        _try(wheel, locked, version, work)
        sums = checksums(wheel, archive, image, bill)
        (DIST / f"holdgate-{version}.sha256").write_text(sums)
        print(sums, end="")
        if tag := tagged(ROOT, version):
            print(f"Tagged {tag}. Publish it with: git push origin {tag}")


def problems(version: str, changelog: str, dockerfile: str) -> list[str]:
    """What stands against releasing this version, a line each."""
    found = []
    final = re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version)
    if not final and not re.fullmatch(r"\d+\.\d+\.\d+\.dev\d+", version):
        found.append(
            f"The version {version} in pyproject.toml is neither like 1.2.3 nor, between releases, 1.2.3.dev0."
        )
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$" if final else r"^## \[Unreleased\]$"
    if not re.search(heading, changelog, re.MULTILINE):
        wanted = f"## [{version}] - YYYY-MM-DD" if final else "## [Unreleased]"
        found.append(f"CHANGELOG.md has no heading “{wanted}”. Say there what has changed, and why.")
    if f'org.opencontainers.image.version="{version}"' not in dockerfile:
        found.append(f"The label org.opencontainers.image.version in the Dockerfile is not {version}.")
    return found


def unfit(checkout: Path, version: str) -> list[str]:
    """What stands against releasing this checkout: changes that are in no commit, or a version that was released
    before, of other files or of the same."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=checkout, check=True, capture_output=True, text=True).stdout.strip()

    if changed := git("status", "--porcelain"):
        return [f"These changes are in no commit. Commit or undo them:\n{changed}"]
    tags = git("tag", "--list", "v*").split()
    if f"v{version}" in tags and git("rev-list", "-n1", f"v{version}") != git("rev-parse", "HEAD"):
        return [f"v{version} is the tag of another commit. Raise the version in pyproject.toml."]
    for tag in git("tag", "--points-at", "HEAD").split():
        if tag.startswith("v") and tag != f"v{version}":
            return [f"This commit was released as {tag}, and nothing has changed since."]
    return []


def tagged(checkout: Path, version: str) -> str:
    """Tag the commit as this version and return the tag; empty between releases, or when it has the tag already."""
    tag = f"v{version}"
    git = ["git", "-C", str(checkout)]
    there = subprocess.run([*git, "tag", "--list", tag], check=True, capture_output=True, text=True).stdout
    if ".dev" in version or there:
        return ""
    # A machine that releases may have no name in git: the tag is of whoever committed.
    wanted = [*git, "log", "-1", "--format=GIT_COMMITTER_NAME=%cn%nGIT_COMMITTER_EMAIL=%ce"]
    who = subprocess.run(wanted, check=True, capture_output=True, text=True).stdout
    environ = os.environ | dict(line.split("=", 1) for line in who.splitlines())
    subprocess.run([*git, "tag", "--annotate", "--message", f"Holdgate {version}", tag], check=True, env=environ)
    return tag


def checksums(*paths: Path) -> str:
    """As `sha256sum --check` reads them, in the folder of the files."""
    return "".join(f"{_digest(path)}  {path.name}\n" for path in paths)


def bill_of_materials(version: str, wheel: Path, locked: str) -> dict[str, Any]:
    """The software bill of materials (CycloneDX 1.5): the wheel, and the locked packages of production with hashes."""
    product = f"pkg:pypi/holdgate@{version}"
    pinned = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)(.*(?:\n[ \t].*)*)", locked, re.MULTILINE)
    parts = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name.lower()}@{number}",
            "name": name,
            "version": number,
            "purl": f"pkg:pypi/{name.lower()}@{number}",
            "hashes": [{"alg": "SHA-256", "content": each} for each in re.findall(r"sha256:([0-9a-f]{64})", more)],
        }
        for name, number, more in pinned
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": product,
                "name": "holdgate",
                "version": version,
                "purl": product,
                "licenses": [{"license": {"id": "MIT"}}],
                "hashes": [{"alg": "SHA-256", "content": _digest(wheel)}],
            }
        },
        "components": parts,
        "dependencies": [{"ref": product, "dependsOn": [part["bom-ref"] for part in parts]}],
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _committed(target: Path) -> Path:
    """The files of HEAD."""
    packed = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extractall(target)  # made here; before 3.11.4 there is no filter
    return target


def _hatchling(source: Path, target: Path, *only: str) -> None:
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", target, *only], cwd=source, check=True)


def _same_wheel_again(archive: Path, wheel: Path, work: Path) -> None:
    with tarfile.open(archive) as files:
        files.extractall(work / "archive")  # made here; before 3.11.4 there is no filter
    (unpacked,) = (work / "archive").iterdir()
    _hatchling(unpacked, work / "again", "-t", "wheel")
    assert (work / "again" / wheel.name).read_bytes() == wheel.read_bytes(), "the archive builds another wheel"


def _image_context(source: Path, version: str) -> Path:
    """What `docker build - < FILE` takes: the files that .dockerignore leaves, the same bytes for the same commit."""
    path = DIST / f"holdgate-{version}-image.tar"
    with tarfile.open(path, "w") as packed:
        for name in context.files(source):
            info = packed.gettarinfo(source / name, str(name))
            info.mtime, info.uid, info.gid, info.uname, info.gname = 0, 0, 0, "", ""
            with (source / name).open("rb") as file:
                packed.addfile(info, file)
    return path


def _try(wheel: Path, locked: Path, version: str, work: Path) -> None:
    """Install it with the locked packages of production and look at what a stranger would look at first."""
    subprocess.run([sys.executable, "-m", "venv", work / "venv"], check=True)
    pip = [str(work / "venv/bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(locked)], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    (home := work / "home").mkdir()
    holdgate = work / "venv/bin/holdgate"

    def said(*arguments: str, **environ: str) -> str:
        done = subprocess.run([holdgate, *arguments], cwd=home, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, f"holdgate {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    assert said("--version") == f"holdgate {version}\n"
    assert "--send" in said("doctor", "--help")
    with servers(work / "around") as around:
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        environ = {**around.environ, "BASE_URL": base, "PORT": str(port), "DATA_DIR": str(home / "data")}
        assert "which this release needs" in said("migrate", **environ)
        log = work / "web.log"
        with log.open("wb") as file:
            web = subprocess.Popen([holdgate, "web"], cwd=home, env=environ, stdout=file, stderr=subprocess.STDOUT)
        try:
            page = _page(f"{base}/", web, log)
            styles = re.findall(r'href="(/static/[^"]+\.css)"', page)
            assert styles and any("{" in _page(base + address, web, log) for address in styles)
            assert 'name="email"' in _page(f"{base}/login", web, log)
        finally:
            web.terminate()
            assert web.wait(SECONDS) == 0, log.read_text()
    print(f"holdgate {version}: installed from the wheel it migrates, and shows its pages and styles.")


def _page(address: str, web: "subprocess.Popen[bytes]", log: Path) -> str:
    """The answer; waits for the server."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with urlopen(address, timeout=SECONDS) as answer:
                return str(answer.read().decode())
        except HTTPError as error:
            raise AssertionError(f"{address}: {error.code}\n{log.read_text()}") from error
        except URLError:
            pass
        assert web.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
