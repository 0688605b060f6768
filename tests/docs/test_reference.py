"""The reference equals the code: generated pages are what would be made now, the others name what there is."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdgate.core.config import load
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.doctor import checks_core, checks_external
from holdgate.webhooks import events
from manual import modules
from manual.drawing import svg
from manual.files import made
from manual.lifecycles import CHARTS
from tests.deploy.metrics import known
from tests.processes import ROOT

MADE = made()


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_generated_file_is_what_would_be_made_now(path: Path) -> None:
    assert path.read_text() == MADE[path](), "make reference"


@pytest.mark.parametrize("name", CHARTS)
def test_a_picture_of_states_shows_every_state_and_every_verb(name: str) -> None:
    drawn = svg(CHARTS[name])
    machine = CHARTS[name].machine
    for word in (*machine.states.__members__.values(), *machine.moves):
        assert re.search(rf">[^<]*\b{word}\b[^<]*</text>", drawn), word


def test_a_move_without_a_place_in_the_picture_is_an_error() -> None:
    whole = CHARTS["runs"]
    ways = {ends: way for ends, way in whole.ways.items() if ends != ("active", "paused")}
    with pytest.raises(ValueError, match="not drawn"):
        svg(replace(whole, ways=ways))
    boxes = {name: box for name, box in whole.boxes.items() if name != "paused"}
    with pytest.raises(ValueError, match="without a place"):
        svg(replace(whole, boxes=boxes))


def test_the_map_of_modules_has_importers_first_and_no_circle() -> None:
    assert modules.order({"b": {"c"}, "a": {"b"}, "c": set()}) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="circle"):
        modules.order({"a": {"b"}, "b": {"a"}})
    graph = modules.imports(ROOT / "app" / "holdgate")
    assert graph["core"] == set() and {"web", "core"} <= graph["accounts"]


def test_the_log_events_of_the_manual_are_told_by_the_code() -> None:
    [_, after] = (ROOT / "docs/operations.md").read_text().split("| event | logger | fields |\n|---|---|---|\n")
    rows = [row.split("|")[1] for row in after.split("\n\n")[0].splitlines()]
    source = "".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))
    for event in (name for row in rows for name in re.findall(r"`(\w+)`", row)):
        assert re.search(rf'\(\s*"{event}"', source), event


def test_the_example_of_the_settings_says_the_defaults() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    assert load(example) == load({})


def test_the_page_of_webhooks_names_every_event_and_no_other() -> None:
    page = (ROOT / "docs/webhooks.md").read_text()
    rows = re.findall(r"^\| ((?:`[a-z_.]+` ?)+)\|", page, re.M)
    listed = [name for row in rows for name in re.findall(r"`([a-z_.]+)`", row)]
    assert sorted(listed) == sorted((*events.TYPES, events.PING))


def test_the_manual_names_every_check_of_the_doctor_and_no_other() -> None:
    [_, after] = (ROOT / "docs/operations.md").read_text().split("| check | what is looked at |\n|---|---|\n")
    rows = [row.split("|")[1] for row in after.split("\n\n")[0].splitlines()]
    assert sorted(name.strip() for row in rows for name in row.split(",")) == sorted(
        {**checks_core.CHECKS, **checks_external.CHECKS}
    )


async def test_the_manual_names_the_labels_of_every_metric(database: Database) -> None:
    page = (ROOT / "docs/operations.md").read_text()
    listed = dict(re.findall(r"^\| `(holdgate_\w+)` \| ([^|]*) \|", page, re.M))
    for sample, labels in (await known(database)).items():
        name = next((each for each in (sample, re.sub(r"_(bucket|count|sum|info)$", "", sample)) if each in listed), "")
        if name:
            told = {label.strip() for label in listed[name].split(",") if label.strip()}
            assert told == labels - {"le"}, sample


NOW = datetime(2026, 11, 23, tzinfo=UTC)
TASK = events.TaskHappening(
    NOW, uuid7(), None, None, "default", "sample.task", "succeed", "running", "succeeded", 1, None, "T", uuid7()
)
RUN = events.RunHappening(NOW, uuid7(), uuid7(), "finished", "R", "active")


@pytest.mark.parametrize("happening", [TASK, RUN], ids=["task", "run"])
def test_the_page_of_webhooks_names_the_data_of_events(happening: events.Happening) -> None:
    page = (ROOT / "docs/webhooks.md").read_text()
    of_log = [each for each in events.TYPES if not each.startswith("alarm.")]  # tests/alarms has theirs
    for type in (each for each in of_log if each.startswith("run.") == (happening is RUN)):
        [row] = re.findall(rf"^\| .*`{re.escape(type)}`.*$", page, re.M)
        named = re.findall(r"`(\w+)`", row.split("|")[2])
        assert sorted(named) == sorted(happening.data(type, "http://h")), type
