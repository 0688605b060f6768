"""Prometheus itself reads what is shipped for it: the rules, and a web server and a worker as targets."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import yaml

from holdgate.core.db import Database
from tests.processes import ROOT, environment, free_port, web, worker
from tests.servers import Servers

RULES = ROOT / "deploy/prometheus/rules.yml"
TOKEN = "a-token-for-metrics"
ENVIRON = {"PATH": f"{os.environ['PATH']}:/usr/sbin", "HOME": "/tmp"}


def promtool(*words: str) -> None:
    done = subprocess.run(["promtool", *words], env=ENVIRON, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def series(name: str, values: str) -> dict[str, str]:
    return {"series": name, "values": values}


def fires(alert: str, at: str, *, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """`labels`: of what fires; None: nothing does."""
    rule = next(rule for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"] if rule["alert"] == alert)
    expected = [] if labels is None else [{"exp_labels": {**labels, "severity": rule["labels"]["severity"]}}]
    return {"alertname": alert, "eval_time": at, "exp_alerts": expected}


def test_the_rules_mean_what_their_names_say(tmp_path: Path) -> None:
    """Both kinds of process can be down; requests that asked to wait are no slow ones, since nobody counts them."""
    down = {"instance": "w1", "job": "holdgate-worker"}
    held = 'holdgate_tasks{queue="q",kind="k",state="pending_approval"}'
    groups = [
        {"input_series": [series('up{job="holdgate-worker",instance="w1"}', "0x10")],
         "alert_rule_test": [fires("HoldgateDown", "5m", labels=down)]},
        {"input_series": [series('up{job="holdgate",instance="a"}', "1x10")],
         "alert_rule_test": [fires("HoldgateDown", "5m")]},
        {"input_series": [series("holdgate_approvals_people_without_room", "2x300")],
         "alert_rule_test": [fires("HoldgateApproversOverloaded", "3h"),
                             fires("HoldgateApproversOverloaded", "250m", labels={})]},
        {"input_series": [series(held, "101x90")],
         "alert_rule_test": [fires("HoldgateHoldsPileUp", "30m"), fires("HoldgateHoldsPileUp", "80m", labels={})]},
        {"input_series": [series('holdgate_workers{state="online"}', "0x10")],
         "alert_rule_test": [fires("HoldgateNoWorker", "5m", labels={})]},
    ]  # fmt: skip
    for group in groups:
        group["interval"] = "1m"  # type: ignore[assignment]
    bare = yaml.safe_load(RULES.read_text())
    for rule in bare["groups"][0]["rules"]:  # what is said about it is tested elsewhere
        del rule["annotations"]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(bare))
    test = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": groups}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", str(tmp_path / "test.yml"))


async def test_prometheus_scrapes_a_web_server_and_a_worker_with_the_token(
    database: Database, servers: Servers, tmp_path: Path
) -> None:
    ports = {"holdgate": free_port(), "holdgate-worker": free_port()}
    own = free_port()
    config = yaml.safe_load((ROOT / "deploy/prometheus/scrape.yml").read_text())
    (tmp_path / "token").write_text(TOKEN)
    for job in config["scrape_configs"]:
        job["authorization"]["credentials_file"] = str(tmp_path / "token")
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    config |= {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(RULES)]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    promtool("check", "config", str(tmp_path / "prometheus.yml"))
    environ = environment(
        servers, tmp_path, METRICS_TOKEN=TOKEN, METRICS_PORT=str(ports["holdgate-worker"]), LOG_FORMAT="json"
    )

    def asked(query: str) -> dict[str, float]:
        with urlopen(f"http://127.0.0.1:{own}/api/v1/query?query={quote(query)}", timeout=5) as answer:
            rows = json.load(answer)["data"]["result"]
        return {row["metric"].get("job", ""): float(row["value"][1]) for row in rows}

    command = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with (
        worker(environ, tmp_path / "worker.log"),
        web(environ, tmp_path / "web.log", ports["holdgate"]) as serving,
        (tmp_path / "prometheus.log").open("wb") as log,
    ):
        watching = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{own}"], env=ENVIRON, stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + 40
            found: dict[str, float] = {}
            while found != {"holdgate": 1.0, "holdgate-worker": 1.0}:
                assert time.monotonic() < deadline, (found, (tmp_path / "prometheus.log").read_text()[-2000:])
                try:
                    found = asked("up")
                except OSError:
                    time.sleep(0.2)
            assert asked("holdgate_database_up") == {"holdgate": 1.0}
            with urlopen(f"http://127.0.0.1:{own}/api/v1/rules", timeout=5) as answer:
                rules = json.load(answer)["data"]["groups"][0]["rules"]
            assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
        finally:
            watching.terminate()
            watching.wait(20)
        assert '"route": "/metrics"' not in serving.said()  # scrapes are no news
