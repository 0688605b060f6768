"""The lines that an outage writes: few, however often and by however many ways a server is asked."""

import time
from typing import Any

import pytest

from holdgate.core.telemetry import outage
from holdgate.core.telemetry.outage import Outage, in_a_line, place


class Lines(list[dict[str, Any]]):
    def warning(self, event: str, **fields: object) -> None:
        self.append({"event": event, **fields})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_minute_and_a_half_of_an_outage_are_three_lines(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked twenty times a second by several ways, one of which still answers for a while."""
    server = Outage("PostgreSQL", "Look at it.")
    said = Lines()
    monkeypatch.setattr(outage, "logger", said)
    for tick in range(90 * 20):
        server.failed("claim_failed" if tick % 2 else "heartbeat_failed", ConnectionRefusedError("refused"))
        server.answered()
        clock[0] += 0.05
    clock[0] += outage.QUIET
    server.answered()
    server.answered()
    assert [line["event"] for line in said] == ["server_away", "server_still_away", "server_back"]
    away, still, back = said
    assert (away["server"], away["asked"], away["error"]) == (
        "PostgreSQL",
        "heartbeat_failed",
        "ConnectionRefusedError: refused",
    )
    assert still["failures"] > 1000
    assert back["failures"] == 1800
    assert back["seconds"] >= 90


def test_an_error_is_told_by_its_type_and_its_place() -> None:
    try:
        dict[str, int]()["cents"]
    except KeyError as error:
        assert in_a_line(error) == "KeyError: 'cents'"
        assert place(error).rpartition(":")[0] == __file__
