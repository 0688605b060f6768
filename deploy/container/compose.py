"""Holds compose.yaml to its promises, by Compose's own reading of it (`docker compose config`)."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.core.config import load, parse_duration

NEEDED = {
    "SECRET_KEY": "k" * 40,
    "POSTGRES_PASSWORD": "p4ssword",
    "BASE_URL": "https://holdpoint.example.org",
    "SMTP_URL": "smtp://mail:1025",
    "MAIL_FROM": "Holdpoint <holdpoint@example.org>",
}
OURS = ("migrate", "web", "worker")


def check(root: Path, say: Callable[[str], None]) -> None:
    """Raises AssertionError."""
    for name in NEEDED:
        refused = _config(root, {other: value for other, value in NEEDED.items() if other != name})
        assert refused.returncode and name in refused.stderr, f"without {name}: {refused.stderr}"
    read = _config(root, NEEDED)
    assert read.returncode == 0 and not read.stderr, read.stderr
    project = json.loads(read.stdout)
    services: Mapping[str, Any] = project["services"]
    assert set(services) == {*OURS, "postgres", "valkey", "mail"}
    assert services["mail"]["profiles"] == ["mail"]
    for name, service in services.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged") and service["restart"] != "no", name
        assert re.search(r":[\w.]+$", service["image"]) and not service["image"].endswith(":latest"), name
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", ())), f"{name} is open to the world"
    for name in OURS:
        settings = load({key: value for key, value in services[name]["environment"].items() if value is not None})
        assert not settings.development and settings.database_url.endswith("@postgres/holdpoint")
        grace = parse_duration(services[name].get("stop_grace_period", "10s"))
        assert grace is not None
        assert name != "worker" or grace.total_seconds() >= settings.shutdown_grace.total_seconds() + 5, "too short"
    for name in ("web", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert project["networks"]["inside"]["internal"] and set(services["postgres"]["networks"]) == {"inside"}
    say(f"compose.yaml: {len(services)} services, and each missing variable is named")


def _config(root: Path, variables: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Read without anybody's .env."""
    with tempfile.NamedTemporaryFile("w", suffix=".env") as nothing:
        return subprocess.run(
            [
                *(Path(sys.executable).parent / "docker-compose", "--file", root / "compose.yaml"),
                *("--env-file", nothing.name, "--profile", "*", "config", "--format", "json"),
            ],
            env={"PATH": os.environ["PATH"], **variables},
            capture_output=True,
            text=True,
        )
