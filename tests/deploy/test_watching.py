"""The dashboard and the alerts name only metrics there are, and the manual says what to do about each alert."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis.asyncio import Redis

import holdgate.worker  # noqa: F401  (what a worker counts is registered)
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.deploy.metrics import known

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/holdgate.json").read_text())
MANUAL = (ROOT / "docs/operations.md").read_text()
NAME = re.compile(r"\bholdgate_[a-z_]+")
LABELS = re.compile(r"(holdgate_[a-z_]+)\{([^}]*)\}")


def expressions() -> Iterator[str]:
    for rule in RULES:
        yield rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


async def test_every_metric_and_label_they_name_exists(settings: Settings, database: Database, redis: Redis) -> None:
    there = await known(database)
    named = {name for each in expressions() for name in NAME.findall(each)}
    assert named and named <= there.keys(), named - there.keys()
    for each in expressions():
        for name, selectors in LABELS.findall(each):
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selectors))
            assert labels <= there[name], (each, labels - there[name])


async def test_the_manual_lists_every_metric_and_no_other(database: Database) -> None:
    families = {re.sub(r"_(total|bucket|count|sum|created|info)$", "", name) for name in await known(database)}
    ours = {name for name in families if name.startswith("holdgate_")}
    listed = {re.sub(r"_(total|bucket)$", "", name) for name in NAME.findall(MANUAL)}
    assert ours - listed == set(), "not in docs/operations.md"
    assert listed - ours == set(), "not told by any process"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_whole_and_the_manual_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"] and re.fullmatch(r"\d+[smh]", rule["for"])
    assert rule["expr"].count("(") == rule["expr"].count(")")
    page, _, section = rule["annotations"]["runbook_url"].rpartition("/")[2].partition("#")
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / page.replace(".html", ".md")).read_text(), re.MULTILINE)
    assert section in map(str.lower, headings), rule["annotations"]["runbook_url"]


def test_the_dashboard_has_no_overlapping_panels_and_one_data_source() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
        assert panel["datasource"]["uid"] == "${datasource}"
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_scrape_configuration_names_both_kinds_of_process() -> None:
    jobs = yaml.safe_load((ROOT / "deploy/prometheus/scrape.yml").read_text())["scrape_configs"]
    assert [job["job_name"] for job in jobs] == ["holdgate", "holdgate-worker"]
    assert all("credentials_file" in job["authorization"] for job in jobs)
