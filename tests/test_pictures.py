"""The pictures that README and docs show are there, and none is there for nothing. `make screenshots` renews them."""

import re
from pathlib import Path

from PIL import Image

from tests.pictures import NAMES, PHONE, PICTURES, WIDE
from tests.processes import ROOT

PAGES = (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
MOST_BYTES = 100_000


def shown() -> set[Path]:
    """Every picture that a page of the documentation refers to."""
    found = set()
    for page in PAGES:
        for address in re.findall(r"!\[[^\]]+\]\(([^)]+)\)|srcset=\"([^\"]+)\"", page.read_text()):
            found.add((page.parent / (address[0] or address[1])).resolve())
    return found


def test_every_picture_that_is_shown_exists_and_every_one_there_is_is_shown() -> None:
    assert shown() == set(PICTURES.glob("*"))
    assert {path.stem for path in PICTURES.glob("*.png")} == set(NAMES), "make screenshots takes them all"


def test_every_picture_is_small_and_of_the_size_of_its_window() -> None:
    for name in NAMES:
        path = PICTURES / f"{name}.png"
        with Image.open(path) as picture:
            wanted = (PHONE, 2) if name.startswith("review-phone") else (WIDE, 1)
            assert picture.size == (wanted[0]["width"] * wanted[1], wanted[0]["height"] * wanted[1]), name
        assert path.stat().st_size <= MOST_BYTES, name
