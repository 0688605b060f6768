"""What is sent: shapes of tasks that harm nobody, in shares, each with the state that it has to end in."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from holdgate.core.errors import Invalid


class Shape(msgspec.Struct, frozen=True):
    """A task to send. Its name is the task's title, by which it is known again."""

    name: str
    kind: str
    payload: Mapping[str, Any]
    about: str
    ends: str = "succeeded"
    holds: bool = False

    def task(self, base_url: str) -> dict[str, Any]:
        """As the API takes it."""
        payload = {
            name: value.format(base_url=base_url) if isinstance(value, str) else value
            for name, value in self.payload.items()
        }
        return {"kind": self.kind, "title": self.name, "payload": payload}


_NO_DAY = "2000-01-01"  # on which nothing was made
SHAPES = {
    shape.name: shape
    for shape in (
        Shape("sample.task", "sample.task", {}, "one stored step"),
        Shape("sample.task+work", "sample.task", {"steps": 3, "seconds": 0.1}, "three steps of a tenth of a second"),
        Shape("sample.task+retry", "sample.task", {"fail_times": 1}, "fails once, succeeds at the second try"),
        Shape("sample.task+fail", "sample.task", {"permanent": True}, "becomes a dead letter", ends="dead_letter"),
        Shape("sample.task+hold", "sample.task", {"hold": "approval"}, "waits for its owner's approval", holds=True),
        Shape("http.request", "http.request", {"url": "{base_url}/livez"}, "asks the installation whether it lives"),
        Shape(
            "report.generate",
            "report.generate",
            {"since": _NO_DAY, "until": _NO_DAY, "formats": ["csv"]},
            "an empty report as a file",
        ),
    )
}


class BadMix(Invalid):
    title = "This mix cannot be sent"


def parse_mix(given: str) -> dict[str, int]:
    """`sample.task=8,http.request=1` → shape → its share. Raises BadMix."""
    mix: dict[str, int] = {}
    for part in given.split(","):
        name, _, share = (each.strip() for each in part.partition("="))
        if name not in SHAPES:
            raise BadMix(f"{name or 'nothing'!r} is not in the list of what can be sent: {', '.join(SHAPES)}.")
        if share and not (share.isascii() and share.isdecimal() and 0 < int(share) <= 1000):
            raise BadMix(f"The share of {name} must be a number from 1 to 1000, not {share!r}.")
        mix[name] = mix.get(name, 0) + int(share or 1)
    return mix


def spread(mix: Mapping[str, int], count: int) -> Iterator[Shape]:
    """`count` shapes, each as often as its share says and as evenly as that goes."""
    owed = dict.fromkeys(mix, 0)
    whole = sum(mix.values())
    for _ in range(count):
        for name, share in mix.items():
            owed[name] += share
        chosen = max(owed, key=lambda name: owed[name])
        owed[chosen] -= whole
        yield SHAPES[chosen]
