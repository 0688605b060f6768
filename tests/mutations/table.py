"""The places, as they stand in the TOML files of this folder, one file for each area."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Mutation:
    """`name`: what is broken, in words; `text`: what stands in `file` once, or `times` where a statement keeps one rule
    at several places; `becomes`: what it is replaced by; `test`: which fails then."""

    name: str
    file: str
    text: str
    becomes: str
    test: str
    times: int = 1

    def broken(self, tree: Path = ROOT) -> str:
        """The file with this place broken. Raises ValueError: the table does not fit the code any more."""
        whole = (tree / self.file).read_text()
        found = whole.count(self.text)
        if found != self.times:
            told = f"{self.name}: its text stands {found} times in {self.file} instead of {self.times}."
            raise ValueError(f"{told} Bring tests/mutations to the code as it is now.")
        return whole.replace(self.text, self.becomes)


def mutations() -> list[Mutation]:
    """All of them, in the order of the files."""
    return [
        Mutation(**entry)
        for path in sorted(HERE.glob("*.toml"))
        for entry in tomllib.loads(path.read_text())["mutation"]
    ]
