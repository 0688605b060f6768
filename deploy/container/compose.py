"""Holds compose.yaml to its promises, by Compose's own reading of it (`docker compose config`)."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from holdgate.core.config import load
from holdgate.core.text.durations import parse_duration

Answer: TypeAlias = "subprocess.CompletedProcess[str]"

NEEDED = {
    "SECRET_KEY": "k" * 40,
    "POSTGRES_PASSWORD": "p4ssword",
    "BASE_URL": "https://holdgate.example.org",
    "SMTP_URL": "smtp://mail:1025",
    "MAIL_FROM": "Holdgate <holdgate@example.org>",
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
        assert not settings.development and settings.database_url.endswith("@postgres/holdgate")
        grace = parse_duration(services[name].get("stop_grace_period", "10s"))
        assert grace is not None
        assert name != "worker" or grace.total_seconds() >= settings.shutdown_grace.total_seconds() + 5, "too short"
    for name in ("web", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert project["networks"]["inside"]["internal"] and set(services["postgres"]["networks"]) == {"inside"}
    _as_the_manual_says(root)
    say(f"compose.yaml: {len(services)} services, and each missing variable is named")


def _as_the_manual_says(root: Path) -> None:
    """The .env that docs/deploy.md lets one write is enough, and arrives unharmed."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (root / "docs/deploy.md").read_text(), re.DOTALL | re.MULTILINE)
    (secrets,) = (block for block in blocks if "cat > .env" in block)
    with tempfile.TemporaryDirectory() as made:
        subprocess.run(["sh", "-euc", secrets], cwd=made, check=True)
        written = Path(made, ".env")
        assert written.stat().st_mode & 0o077 == 0, "others may read the secrets"
        read = _config(root, {}, written)
    assert read.returncode == 0, read.stderr
    environ = json.loads(read.stdout)["services"]["web"]["environment"]
    settings = load({name: value for name, value in environ.items() if value is not None})
    assert settings.mail_from == "Holdgate <holdgate@example.org>" and len(settings.secret_keys[0]) == 64
    assert settings.metrics_token and settings.secure


def _config(root: Path, variables: Mapping[str, str], file: Path = Path("/dev/null")) -> Answer:
    """What Compose makes of it, with nobody's own settings."""
    program = Path(sys.executable).parent / "docker-compose"
    where: list[str | Path] = ["--file", root / "compose.yaml", "--env-file", file, "--profile", "*"]
    environ = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run([program, *where, "config", "--format", "json"], env=environ, capture_output=True, text=True)
