"""What judges a campaign: the checks of applications, the table, and a campaign that breaks off."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos.campaign import campaign, table
from tests.chaos.campaign.campaign import Result
from tests.chaos.campaign.doubled import an_application_is_sent_once
from tests.chaos.campaign.employer import FORGETS, KEEPS, title_of
from tests.chaos.campaign.record import Decision, Record
from tests.chaos.campaign.wrong import nothing_was_sent_unapproved

OWNER, LETTER = "owner@example.org", "I grind."


class Installed:
    """What the checks ask of an installation whose database is empty."""

    def __init__(self, folder: Path) -> None:
        self.record = Record(folder)

    async def sql(self, _statement: str, *_values: Any) -> list[Any]:
        return []

    def receive(self, name: str, sort: str, key: str, letter: str = LETTER) -> None:
        """What the server outside writes down of one application."""
        form = httpx.Request("POST", "http://x", data={"cover_letter": letter}, files={"resume": ("r.txt", b"R")})
        headers = {"content-type": form.headers["content-type"], "idempotency-key": key}
        seen = {"method": "POST", "path": f"/apply/{sort}/{name}", "headers": headers, "body": form.read().decode()}
        with (self.record.folder / "http.jsonl").open("a") as record:
            record.write(json.dumps(seen) + "\n")


async def test_an_application_that_was_sent_twice_is_found(tmp_path: Path) -> None:
    of: Any = Installed(tmp_path)
    for name, sort, keys in (
        ("once", FORGETS, "a"),
        ("again", KEEPS, "bb"),
        ("twice", FORGETS, "cc"),
        ("anew", KEEPS, "de"),
    ):
        for key in keys:
            of.receive(name, sort, key)
    found = await an_application_is_sent_once(of)
    assert found == ["twice was sent 2 times to a site that keeps no keys", "anew was sent under 2 keys"]


async def test_an_application_that_nobody_approved_as_it_is_is_found(tmp_path: Path) -> None:
    of: Any = Installed(tmp_path)
    for name, verb, wish in (("fine", "approve", LETTER), ("no", "reject", LETTER), ("other", "approve", "I mill.")):
        of.receive(name, FORGETS, name)
        of.record.decisions.append(Decision(title_of(name), OWNER, verb, wish))
    found = await nothing_was_sent_unapproved(of)
    assert [problem.split()[0] for problem in found] == ["no", "other"]


async def test_a_campaign_that_breaks_off_says_why_and_stands_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def installed() -> AsyncIterator[None]:
        raise RuntimeError("No port is free.")
        yield

    monkeypatch.setattr(campaign, "installed", installed)
    broken = await campaign.run(1, 1, 1)
    well = Result(2, 30, [("Valkey killed", 1.5)], figures={"tasks": 7, "decisions": 3})
    page = tmp_path / "page.md"
    page.write_text(f"Before\n{table.BEGIN}old\n{table.END}After\n")
    table.write([broken, well], 60, page)
    text = page.read_text()
    assert text.startswith("Before\n") and text.endswith("After\n") and "old" not in text
    assert "| 1 | 0 |  |  |  |  | 0.0 s | broke off |" in text
    assert "| 2 | 1 | 7 | 3 | 0 | 0 | 1.5 s | passed |" in text
    assert "- Seed 1: `It broke off: RuntimeError('No port is free.')`" in text
    assert "Valkey killed" in table.plain([broken, well])
