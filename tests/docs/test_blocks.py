"""Every block of the documentation is run here, or by a test that is named here, or stands here with its reason."""

import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
import yaml
from sqlalchemy import text
from standardwebhooks import Webhook

from holdgate.core.config import load
from holdgate.core.db import Database
from holdgate.kinds import BUILT_IN
from holdgate.tasks import kinds
from tests.docs.commands import problems
from tests.docs.pages import Block, blocks
from tests.processes import ROOT

SHELL = ("sh", "bash", "shell", "console")

# Run elsewhere: the pages' only blocks of a language, or a block → the test that does.
API = "tests.api.test_client:test_the_pages_commands_and_code_run_as_they_stand"
ASKING = "tests.asking.test_docs:"
RECEIPTS = "tests.approvals.evidence.test_docs:"
ELSEWHERE = {
    ("docs/api.md", "sh"): API,
    ("docs/api.md", "python"): API,
    ("docs/add.md", "python"): (
        "tests.product.test_add_to_product:test_the_page_holds_from_its_first_step_to_its_last"
    ),
    ("docs/cookbook.md", "python"): "tests.docs.test_cookbook:test_every_recipe_does_what_it_says",
    ("docs/pipelines.md", "sh"): f"{ASKING}test_a_script_that_waits_goes_on_with_the_approval",
    ("docs/pipelines.md", "yaml"): f"{ASKING}test_a_workflow_that_asks_and_ends_deploys_once",
    ("docs/agents.md", "python"): f"{ASKING}test_the_python_of_the_page_runs",
    ("docs/testing.md", "python"): (
        "tests.product.test_plugin:test_a_product_tests_its_kinds_on_an_embedded_server_in_parallel"
    ),
    (
        "docs/enqueue.md",
        "sql",
    ): "tests.enqueueing.test_enqueue_elsewhere:test_the_statements_of_the_page_run_as_they_stand",
    ("docs/kinds.md", "python"): "tests.kinds.test_docs:test_the_example_passes_its_own_test",
    (
        "docs/approvals.md",
        "python",
    ): f"{RECEIPTS}test_the_python_of_the_page_tells_a_genuine_receipt_from_a_changed_one",
}
CURL = "tests.journeys.test_asking:test_a_program_asks_with_curl_and_gets_a_decision_with_a_receipt"
PROXIES = "tests.deploy.test_proxies:test_a_proxy_of_the_page_does_what_the_page_says"
BACKUP = "tests.test_backup:test_the_lines_of_the_page_bring_people_and_files_back"
ELSEWHERE_BLOCKS = {
    "docs/backup.md: umask 077": BACKUP,
    "docs/backup.md: createdb holdgate": BACKUP,
    "docs/compose.md: umask 077": BACKUP,
    "docs/compose.md: docker compose stop web worker": BACKUP,
    "docs/deploy.md: # /etc/caddy/Caddyfile: Caddy gets the certificate by itself": PROXIES,
    "docs/deploy.md: # /etc/nginx/conf.d/holdgate.conf, for nginx 1.22 (Debian 12": PROXIES,
    "docs/approvals.md: sed -e 's/^{\"receipt\"://' -e 's/,\"signature\":{[^{]*$//' rece": (
        f"{RECEIPTS}test_the_openssl_lines_of_the_page_do_so_too"
    ),
    'docs/ask.md: curl -sS "$HOLDGATE_URL/api/v1/approvals" -H "Authorization:': CURL,
    'docs/ask.md: curl -sS "$HOLDGATE_URL/api/v1/approvals/$ID?wait=60" -H "Au': CURL,
}
# Not run, and why. What they name is looked up all the same.
NOT_RUN = {
    'docs/alarms.md: $ curl -X POST $HOLDGATE_URL/api/v1/alarms -H "Authorization': "tests/api/test_access.py does",
    "README.md: make run": "tests/journeys/test_dev.py starts it; `make test-all` is what runs that",
    "CONTRIBUTING.md: make check": "the suite within the suite",
    "docs/explanation/performance.md: make bench": "half an hour",
    "docs/explanation/performance.md: python -m bench.peers --rounds 1 --tasks 500 --peers arq": (
        "tests/bench/test_peers.py runs a shorter one"
    ),
    'docs/tutorial.md: git clone "$REPOSITORY" holdgate': "nothing to clone here; tried by hand",
    "docs/tutorial.md: KINDS=greetings make run": "it does not end; test_tutorial.py runs the kind",
    "docs/operations.md: TRACES_URL=http://collector:4318/v1/traces": "another machine's address; the setting is read",
    "docs/operations.md: import sentry_sdk": "of others; tests/runtime/test_reporting.py",
    "docs/add.md: holdgate init": "tests/product/test_add_to_product.py runs it where the page is",
    "docs/add.md: holdgate dev --reload": "it does not end; tests/product/test_init.py runs it",
    "docs/kinds.md: KINDS=shop.refunds make run": "it does not end; tests/kinds/test_docs.py runs the kind",
    "docs/approvals.md: holdgate verify holdgate-receipt-….json": (
        "the name of the file is cut; tests/approvals/evidence/test_receipts.py runs the command"
    ),
    "docs/compose.md: docker compose ps": "no container engine here",
    "docs/compose.md: git pull": "no container engine here",
    "docs/compose.md: docker compose up --detach --scale worker=4": "no container engine here",
    "docs/compose.md: docker compose exec postgres psql --username=holdgate --comm": "no container engine here",
    "docs/compose.md: docker compose run --rm web user list": "no container engine here",
    "docs/deploy.md: umask 077": "makes secrets for a server; their names are looked up",
    "docs/deploy.md: docker compose build": "no container engine here; services are looked up",
    "docs/deploy.md: docker compose run --rm web user add you@example.org --admin": "as above, and commands",
    "docs/deploy.md: docker compose --profile mail up --detach": "as above",
    "docs/deploy.md: FROM holdgate:local": "an image on top of ours, which is not built here",
    "docs/deploy.md: useradd --system --home-dir /var/lib/holdgate --create-home": "changes a server",
    "docs/deploy.md: runuser -u postgres -- createuser holdgate": "changes a server",
    "docs/deploy.md: umask 027": "changes a server; its settings are looked up",
    "docs/deploy.md: cat > /usr/local/bin/holdgate <<'END'": "changes a server; what it calls is looked up",
    "docs/deploy.md: holdgate migrate": "changes a server",
    "docs/deploy.md: systemctl daemon-reload": "changes a server; tests/deploy/test_systemd.py reads the unit",
    "docs/kubernetes.md: kubectl create namespace holdgate": "no cluster here",
    "docs/kubernetes.md: kubectl -n holdgate create secret generic holdgate-scaler --": "no cluster here",
    "docs/kubernetes.md: kubectl -n holdgate exec deploy/holdgate-web -- holdgate use": (
        "no cluster here; it is looked up"
    ),
    'docs/kubernetes.md: max(holdgate_workers{state="online"}) == 0 and max(sum by (i': "an expression for Prometheus",
    "docs/scaling.md: DATABASE_URL=postgresql://holdgate:…@pgbouncer:6432/holdgate": (
        "the password is cut; names are looked up"
    ),
    "docs/scaling.md: DATABASE_URL=postgresql://holdgate:…@db1.example.com,db2.exa": (
        "the password is cut; tests/replica/test_failover.py names several hosts"
    ),
    "docs/load.md: export BASE_URL=https://hold.example.org": "another machine's address; tests/load runs the command",
    'docs/upgrades.md: contract = "0.3.0: nothing has read users.nick since 0.2.0"': "a line of an example",
    "docs/upgrades.md: def upgrade() -> None:": "a part of a migration; tests/test_migrations.py runs one like it",
    "docs/sso.md: location / {": "nginx is not here; its paths are held against the table above it",
}
# Blocks of settings: what they assign is read as the program reads it.
SET = {
    "docs/smtp.md: SMTP_URL='smtp+starttls://holdgate:s3cret%21@mail.example.or",
    "docs/sso.md: JWKS_URL=https://login.example.org/keys",
}
# Payloads: block → the kind they are for.
PAYLOADS = {
    'docs/kinds.md: {"method": "POST", "url": "https://api.example/orders", "hea': "http.request",
    'docs/kinds.md: {"to": "ann@example.org", "subject": "Order {{ order }}", "t': "email.message",
    'docs/kinds.md: {"url": "https://example.org/photo.jpg", "resize": {"width":': "image.process",
    'docs/kinds.md: {"since": "2026-11-01", "until": "2026-11-30", "formats": ["': "report.generate",
}
# Commands that run here: block → exit statuses that are fine. The doctor warns of a test's short key.
RUN = {
    "docs/smtp.md: holdgate doctor --send you@example.org": {0, 1},
    "docs/stuck.md: holdgate doctor": {0, 1},
    'docs/stuck.md: curl -sf "$BASE_URL/api/v1/tasks?state=queued&limit=5" -H "A': {0},
}
WEBHOOK = "docs/webhooks.md: from holdgate import WebhookRefused, verify_webhook"
STATEMENTS = "docs/stuck.md: SELECT state, reason, attempt, failures, lease_expires_at, r"
# By a test of its own below, or in test_tutorial.py.
HERE = {
    WEBHOOK,
    STATEMENTS,
    "docs/tutorial.md: from typing import Annotated",
    "docs/tutorial.md: from holdgate.core.config import Settings",
}
PARSED: dict[str, Callable[[str], Any]] = {
    "json": json.loads,
    "yaml": lambda text: list(yaml.safe_load_all(text)),
    "toml": tomllib.loads,
    "ini": lambda text: ConfigParser(strict=False, interpolation=None).read_string(text),
}
SILENT = {"text"}  # shown, not typed

KNOWN = {*ELSEWHERE_BLOCKS, *NOT_RUN, *SET, *PAYLOADS, *RUN, *HERE}


def block(key: str) -> Block:
    [found] = [each for each in blocks() if each.key == key]
    return found


def test_every_block_is_run_or_has_its_reason() -> None:
    wrong: list[str] = []
    for each in blocks():
        if each.language in PARSED:
            with reported(each, wrong):
                PARSED[each.language](each.text)
        elif each.key not in KNOWN and (each.page, each.language) not in ELSEWHERE and each.language not in SILENT:
            wrong.append(f"{each.page}:{each.line}: run it, or give its reason in NOT_RUN")
    assert wrong == [], "\n".join(wrong)


@contextmanager
def reported(each: Block, wrong: list[str]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        wrong.append(f"{each.page}:{each.line}: {error}")


def test_no_reason_is_left_over() -> None:
    left = KNOWN - {each.key for each in blocks()}
    # A page that comes with another change has its reasons already.
    assert [key for key in left if (ROOT / key.partition(":")[0]).exists()] == []
    assert ELSEWHERE.keys() - {(each.page, each.language) for each in blocks()} == set()


def test_the_tests_that_run_blocks_are_there() -> None:
    assert [test for test in {*ELSEWHERE.values(), *ELSEWHERE_BLOCKS.values()} if not is_there(test)] == []


def is_there(test: str) -> bool:
    module, _, function = test.partition(":")
    return callable(getattr(import_module(module), function, None))


def test_what_commands_name_is_there() -> None:
    shell = [each for each in blocks() if each.language in SHELL]
    assert {f"{each.page}:{each.line}": found for each in shell if (found := problems(each.text))} == {}


@pytest.mark.parametrize("command", ["make rn", "holdgate dokter", "holdgate doctor --sned a", "COLOUR=1 make run"])
def test_a_misspelt_command_would_be_noticed(command: str) -> None:
    assert problems(command)


@pytest.mark.parametrize("key", sorted(SET))
def test_settings_that_are_shown_are_read(key: str) -> None:
    assigned = subprocess.run(
        ["bash", "-c", f"set -a\n{block(key).text}\nenv -0"], env={}, capture_output=True, text=True, check=True
    ).stdout
    environ = dict(pair.split("=", 1) for pair in assigned.split("\0") if "=" in pair)
    assert load(environ) != load({})


@pytest.mark.parametrize("key", PAYLOADS)
def test_a_payload_that_is_shown_fits_its_kind(key: str) -> None:
    for module in BUILT_IN:
        import_module(module)
    kinds.find_kind(PAYLOADS[key]).parse(json.loads(block(key).text))


@pytest.mark.parametrize("key", RUN)
@pytest.mark.slow
def test_commands_that_are_shown_run(shell: dict[str, str], key: str) -> None:
    for line in block(key).text.replace("\\\n", " ").splitlines():
        done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=shell, capture_output=True, text=True, timeout=60)
        assert done.returncode in RUN[key], f"{line}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip(), line


def test_the_webhook_that_is_shown_verifies() -> None:
    secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    code = block(WEBHOOK).text
    [message] = [each.text for each in blocks() if each.page == "docs/webhooks.md" and each.language == "json"]
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("1", now, message),
    }
    space: dict[str, Any] = {"request_body": message.encode(), "request_headers": headers}
    exec(code.replace("whsec_…", secret), space)
    assert space["message"].type == "run.finished"


async def test_the_statements_that_are_shown_find_a_task(
    running: Database, shell: dict[str, str], token: tuple[str, str]
) -> None:
    for statement in block(STATEMENTS).text.split(";\n"):
        if statement.strip():
            async with running.read() as session:
                assert (await session.execute(text(statement.rstrip(";")), {"id": UUID(token[1])})).all()


def test_the_proxy_leaves_open_what_the_page_says() -> None:
    page = (ROOT / "docs/sso.md").read_text()
    pattern = re.search(r"location ~ (\S+) \{", page)
    assert pattern
    rows = re.findall(r"^\| (`/.*?) \|", page, re.M)
    for path in (path for row in rows for path in re.findall(r"`(/[^`]*)`", row)):
        assert re.match(pattern[1], path), path
    assert not re.match(pattern[1], "/tasks") and not re.match(pattern[1], "/reviewers")
