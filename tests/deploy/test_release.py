"""What keeps a version from being released; `make release` builds and tries the rest."""

import os
import subprocess
from pathlib import Path

import pytest

from deploy.release import bill_of_materials, checksums, problems, tagged, unfit
from holdgate.core.process.release import VERSION
from tests.processes import ROOT

LABEL = 'LABEL org.opencontainers.image.version="{}"'


def test_this_checkout_can_be_released() -> None:
    assert problems(VERSION, (ROOT / "CHANGELOG.md").read_text(), (ROOT / "Dockerfile").read_text()) == []


def test_a_release_needs_its_own_dated_heading_in_the_changelog() -> None:
    [found] = problems("1.2.0", "## [Unreleased]\n\n## [1.1.0] - 2026-11-01\n", LABEL.format("1.2.0"))
    assert "## [1.2.0] - YYYY-MM-DD" in found
    assert problems("1.2.0", "## [1.2.0] - 2026-11-23\n", LABEL.format("1.2.0")) == []


def test_between_releases_the_heading_is_unreleased() -> None:
    assert problems("1.2.0.dev0", "## [Unreleased]\n", LABEL.format("1.2.0.dev0")) == []
    assert len(problems("1.2.0.dev0", "## [1.1.0] - 2026-11-01\n", LABEL.format("1.2.0.dev0"))) == 1


@pytest.mark.parametrize("version", ["1.2", "1.2.0-beta", "v1.2.0", "latest"])
def test_a_version_that_sorts_wrongly_is_refused(version: str) -> None:
    assert any(
        "neither like 1.2.3" in line
        for line in problems(version, f"## [{version}] - 2026-11-23", LABEL.format(version))
    )


def test_an_image_that_tells_another_version_is_refused() -> None:
    [found] = problems("1.2.0", "## [1.2.0] - 2026-11-23\n", LABEL.format("1.1.0"))
    assert "image.version" in found


def test_what_is_in_no_commit_and_what_has_been_released_is_refused(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        author = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *author, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / "a").write_text("1")
    assert "in no commit" in unfit(tmp_path, "0.1.0")[0]
    git("add", "a")
    git("commit", "-qm", "One")
    assert unfit(tmp_path, "0.1.0") == []
    git("tag", "v0.1.0")
    assert unfit(tmp_path, "0.1.0") == []  # the same once more, should an upload have failed
    assert "nothing has changed" in unfit(tmp_path, "0.2.0")[0]
    git("commit", "-qm", "Two", "--allow-empty")
    assert "another commit" in unfit(tmp_path, "0.1.0")[0]
    assert unfit(tmp_path, "0.2.0") == []


def test_a_release_tags_its_commit_once_and_what_is_between_releases_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git[:3], "init", "-q"], check=True)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)  # nobody's machine
    subprocess.run([*git, "-c", "commit.gpgsign=false", "commit", "-qm", "One", "--allow-empty"], check=True)
    assert [tagged(tmp_path, version) for version in ("0.1.0.dev0", "0.1.0", "0.1.0")] == ["", "v0.1.0", ""]
    assert unfit(tmp_path, "0.1.0") == []
    assert "nothing has changed" in unfit(tmp_path, "0.2.0")[0]


def test_what_comes_next_is_released_by_its_number_and_a_heading() -> None:
    """Three places: pyproject.toml, the label of the image, the changelog, whose notes are there already."""
    version = VERSION.removesuffix(".dev0")
    changelog = (ROOT / "CHANGELOG.md").read_text()
    noted = changelog.replace("## [Unreleased]", f"## [{version}] - 2026-12-01")
    label = (ROOT / "Dockerfile").read_text().replace(f'version="{VERSION}"', f'version="{version}"')
    assert problems(version, noted, label) == []
    assert f"| {version} |" in (ROOT / "docs/upgrades.md").read_text()


def test_the_checksums_are_as_sha256sum_checks_them(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.whl", "b.tar.gz")]
    for file in files:
        file.write_bytes(file.name.encode())
    (tmp_path / "sums").write_text(checksums(*files))
    check = ["sha256sum", "--check", "--strict", "sums"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).returncode == 0
    files[0].write_bytes(b"another")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).returncode == 1


def test_the_bill_of_materials_has_every_locked_package_with_its_hashes(tmp_path: Path) -> None:
    (wheel := tmp_path / "holdgate.whl").write_bytes(b"x")
    locked = (ROOT / "requirements-production.txt").read_text()
    bill = bill_of_materials("1.2.0", wheel, locked)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert len(bill["components"]) == sum(line[:1].isalnum() for line in locked.splitlines())
    assert sum(len(part["hashes"]) for part in bill["components"]) == locked.count("--hash=sha256:")
    assert all(part["hashes"] for part in bill["components"])
    references = {part["bom-ref"] for part in bill["components"]}
    assert set(bill["dependencies"][0]["dependsOn"]) == references and len(references) == len(bill["components"])
