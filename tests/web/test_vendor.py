"""The vendored scripts are the published files, byte for byte, and none is there unlisted."""

import hashlib
import json
from pathlib import Path

import pytest

VENDOR = Path(__file__).parents[2] / "static" / "vendor"
LIST = "VENDOR.json"
ENTRIES: list[dict[str, str]] = json.loads((VENDOR / LIST).read_text(encoding="utf-8"))


def sha256(name: str) -> str:
    return hashlib.sha256((VENDOR / name).read_bytes()).hexdigest()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_a_vendored_script_is_unmodified(entry: dict[str, str]) -> None:
    assert sha256(entry["file"]) == entry["sha256"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_a_vendored_script_has_its_version_and_licence_text(entry: dict[str, str]) -> None:
    assert entry["version"]
    assert entry["licence"]
    assert sha256(entry["licence_file"]) == entry["licence_sha256"]


def test_every_vendored_file_is_listed() -> None:
    listed = {LIST} | {entry[key] for entry in ENTRIES for key in ("file", "licence_file")}
    present = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert present == listed
