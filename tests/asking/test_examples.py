"""The programs in examples/agents, in an environment of their own: real frameworks, whose models follow a script."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

import pytest

from holdgate.client import Client
from tests import wheels
from tests.asking.conftest import Desk
from tests.processes import ROOT
from tests.type_checkers import CHECKERS, missing

EXAMPLES = ROOT / "examples/agents"
HOME = ROOT / ".holdgate/agents"

# The models do what their script says: they call the tool, then tell what came of it.
OPENAI = """
import asyncio, os
from agents import set_tracing_disabled
from agents.testing import ScriptedModel, assistant_message, function_call
from holdgate import AsyncClient
set_tracing_disabled(True)


def script(*calls, last="Done."):
    steps = [[function_call(name, given, call_id=f"c{number}")] for number, (name, given) in enumerate(calls)]
    return ScriptedModel([*steps, [assistant_message(last)]])
"""
RUNS = {
    "openai_refunds": OPENAI
    + """
import openai_refunds


async def main():
    openai_refunds.APPROVERS[:] = [os.environ["APPROVER"]]
    model = script(("refund", {"order": "A7", "cents": 1250}))
    async with AsyncClient(os.environ["HOLDGATE_URL"], os.environ["HOLDGATE_TOKEN"]) as hold:
        await openai_refunds.answer("My order never came.", hold, model)
    told = [item for item in model.calls[-1].input if item.get("type") == "function_call_output"]
    print(openai_refunds.PAID, told[0]["output"])
""",
    "pydantic_ai_refunds": """
import asyncio, os
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel
import pydantic_ai_refunds
from holdgate import AsyncClient


def model(messages, info):
    back = [part for part in messages[-1].parts if part.part_kind in ("tool-return", "retry-prompt")]
    if back:
        return ModelResponse(parts=[TextPart(str(back[0].content))])
    return ModelResponse(parts=[ToolCallPart("refund", {"order": "A7", "cents": 1250})])


async def main():
    pydantic_ai_refunds.APPROVERS[:] = [os.environ["APPROVER"]]
    async with AsyncClient(os.environ["HOLDGATE_URL"], os.environ["HOLDGATE_TOKEN"]) as hold:
        told = await pydantic_ai_refunds.answer("My order never came.", hold, FunctionModel(model))
    print(pydantic_ai_refunds.PAID, told)
""",
    "langgraph_refunds": """
import asyncio, os
import langgraph_refunds
from holdgate import Client


async def main():
    langgraph_refunds.APPROVERS[:] = [os.environ["APPROVER"]]
    with Client(os.environ["HOLDGATE_URL"], os.environ["HOLDGATE_TOKEN"]) as hold:
        print(langgraph_refunds.pay_back({"order": "A7", "cents": 1250}, os.environ["APPROVER"], hold))
""",
}
MCP_AGENT = (
    OPENAI
    + """
import json, re
import mcp_agent


class Reading(ScriptedModel):
    # The id of the request is in what the first tool answered.
    async def get_response(self, **given):
        answer, input = await super().get_response(**given), given["input"]
        for item in answer.output:
            if item.type == "function_call" and item.name == "get_approval":
                told = json.dumps([each["output"] for each in input if each.get("type") == "function_call_output"])
                id = re.search(r"id\\W+([0-9a-f-]{36})", told)[1]
                item.arguments = json.dumps({"id": id, "wait_seconds": 50})
        return answer


async def main():
    request = {"title": "Restart the database", "to": [os.environ["APPROVER"]], "show": {"Host": "db1"}}
    model = Reading([
        [function_call("request_approval", request, call_id="c0")],
        [function_call("get_approval", {}, call_id="c1")],
        [assistant_message("Done.")],
    ])
    told = await mcp_agent.work("Restart db1.", os.environ["HOLDGATE_URL"], os.environ["HOLDGATE_TOKEN"], model)
    outputs = [item["output"] for item in model.calls[-1].input if item.get("type") == "function_call_output"]
    print(told, outputs[-1])
"""
)

Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def environment_of_agents() -> Path:
    """As `make examples` has it."""
    subprocess.run(["make", "--no-print-directory", ".holdgate/agents/ready"], cwd=ROOT, check=True)
    return HOME / "bin/python"


@pytest.fixture(scope="session")
def package(environment_of_agents: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as an agent's project has it, without packages of servers."""
    place = tmp_path_factory.mktemp("wheel")
    wheel = wheels.build(place)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(place / "lib")]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True)
    return place / "lib"


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_type_checkers_find_nothing_in_them(checker: str, environment_of_agents: Path, tmp_path: Path) -> None:
    if reason := missing(checker):
        pytest.skip(reason)
    files = {path.name: path.read_text() for path in EXAMPLES.glob("*.py")}
    [frameworks] = (HOME / "lib").glob("python*/site-packages")
    wheels.install(wheels.build(tmp_path), tmp_path, files, str(frameworks))
    kept = [f"--cache-dir={HOME}/mypy"] if checker == "mypy" else []  # what it has read of the frameworks
    command = [sys.executable, *CHECKERS[checker], *kept, *files]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def run(desk: Desk, environment_of_agents: Path, package: Path) -> Run:
    def start(program: str) -> "subprocess.Popen[str]":
        code = f"{dedent(program)}\nasyncio.run(main())\n"
        path = os.pathsep.join((str(EXAMPLES), str(package)))
        # Nothing beyond this machine can be reached, and no key is there to do so.
        environ = {**desk.environ, "PYTHONPATH": path, "APPROVER": desk.approver, "HTTPS_PROXY": "http://127.0.0.1:9"}
        return subprocess.Popen(
            [environment_of_agents, "-c", code], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def said(process: "subprocess.Popen[str]") -> str:
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return out


APPROVED: dict[str, tuple[dict[str, Any], str]] = {
    "openai_refunds": ({}, "['A7'] Refunded 12.50 € for order A7."),
    "pydantic_ai_refunds": ({"cents": 900}, "{'A7': 900} Refunded 9.00 € for order A7."),
    "langgraph_refunds": ({}, "paid 1250 cents, agreed by ann-"),
}


@pytest.mark.parametrize("example", RUNS)
def test_an_agents_dangerous_tool_runs_once_a_person_agrees(example: str, desk: Desk, run: Run) -> None:
    form, expected = APPROVED[example]
    agent = run(RUNS[example])
    asked = desk.decide(**form)
    assert "A7" in json.dumps([asked.title, asked.shown])
    assert said(agent).startswith(expected)


@pytest.mark.parametrize("example", RUNS)
def test_it_does_not_run_after_a_refusal_and_the_agent_is_told_why(example: str, desk: Desk, run: Run) -> None:
    agent = run(RUNS[example])
    desk.decide("reject", reason="No receipt.")
    told = said(agent)
    assert "No receipt." in told and "Refunded" not in told and "paid" not in told


def test_an_agent_asks_over_mcp_by_itself(desk: Desk, run: Run) -> None:
    agent = run(MCP_AGENT)
    assert desk.decide().shown == {"Host": "db1"}
    assert "You may go on" in said(agent)


def test_the_flask_app_pays_what_was_approved_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from importlib import import_module

    module = import_module("flask_payout")
    monkeypatch.setattr(module, "APPROVERS", [desk.approver])
    with Client(desk.url, desk.token) as hold:
        app = module.create_app(hold)
        shop = app.test_client()
        asked = [shop.post(f"/payouts/{desk.approver}?cents=900").json["approval"] for _ in range(2)]
        assert asked[0] == asked[1]
        assert shop.post(f"/approvals/{asked[0]}/pay").status_code == 202, "nobody has decided"
        desk.decide()
        paid = [shop.post(f"/approvals/{asked[0]}/pay").status_code for _ in range(2)]
        assert paid == [200, 409]
        assert app.config["PAID"] == [{"invoice": desk.approver, "cents": 900}]


@pytest.mark.parametrize(("decision", "status"), [("approve", 0), ("reject", 1)])
def test_the_gate_lets_a_deployment_through_only_once_it_is_approved(
    decision: Literal["approve", "reject"], status: int, desk: Desk, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.txt"
    plan.write_text("2 to change, 0 to destroy")
    gate = subprocess.Popen(
        ["bash", EXAMPLES / "deploy_gate.sh", desk.approver, plan, desk.approver],
        env=desk.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    [shown] = desk.decide(decision, reason="" if status == 0 else "No.").shown
    assert (shown["type"], shown["text"]) == ("text", "2 to change, 0 to destroy")
    out, errors = gate.communicate(timeout=60)
    assert gate.returncode == status, errors
    assert ("Deploying" in out) == (status == 0)
