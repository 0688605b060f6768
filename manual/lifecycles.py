"""The page of states and verbs, and the charts of the life cycles, from their declarations."""

import ast
import inspect
from enum import StrEnum
from itertools import pairwise
from textwrap import dedent
from typing import Any

from holdgate.alarms.states import ALARM_MACHINE
from holdgate.approvals.states import APPROVAL_MACHINE
from holdgate.bulk.states import BULK_MACHINE
from holdgate.core.machine import Machine
from holdgate.runs.states import RUN_MACHINE
from holdgate.tasks.states import BUTTONS, TASK_MACHINE
from manual.drawing import FRAME, Box, Chart, Way
from manual.tables import code, table

CHARTS: dict[str, Chart] = {
    "tasks": Chart(
        "States of a task and the verbs between them",
        TASK_MACHINE,
        (1000, 520),
        {
            "later": Box(("scheduled", "retrying"), 130, 120),
            "paused": Box(("paused",), 130, 350),
            "queued": Box(("queued",), 390, 120),
            "running": Box(("running",), 630, 120),
            "holds": Box(("pending_approval", "needs_input", "needs_auth"), 600, 350, "box hold", 170),
            "succeeded": Box(("succeeded",), 890, 120, "box end"),
            "refused": Box(("rejected", "expired"), 890, 265, "box end"),
            "dead": Box(("dead_letter",), 890, 370, "box end"),
            "cancelled": Box(("cancelled",), 890, 455, "box end"),
        },
        {
            ("later", "queued"): Way("M205 120 H313", (259, 112)),
            ("queued", "running"): Way("M465 112 H553", (509, 104)),
            ("running", "queued"): Way("M555 130 H467", (509, 149)),
            ("running", "later"): Way("M630 102 V52 H130 V90", (380, 44)),
            ("running", "succeeded"): Way("M705 120 H813", (745, 112)),
            ("running", "holds"): Way("M630 138 V310", (638, 215), "start"),
            ("holds", "queued"): Way("M550 313 V225 H410 V140", (480, 217)),
            ("holds", "refused"): Way("M685 350 H740 V265 H813", (732, 303), "end"),
            ("queued", "paused"): Way("M370 138 V340 H207", (290, 332)),
            ("later", "paused"): Way("M100 149 V330", (107, 240), "start"),
            ("paused", "queued"): Way("M205 360 H392 V140", (290, 379)),
            ("later", "holds"): Way("M160 149 V275 H525 V311", (270, 267)),
            ("paused", "holds"): Way("M150 368 V415 H540 V390", (330, 434)),
            ("refused", "holds"): Way("M815 276 H762 V362 H687", (770, 325), "start"),
            (FRAME, "dead"): Way("M783 370 H813", (774, 375), "end"),
            (FRAME, "cancelled"): Way("M783 455 H813", (774, 460), "end"),
        },
        home="queued",
        framed=("later", "paused", "queued", "running", "holds"),
        frame=(24, 24, 759, 472),
        frame_name="unfinished",
        ends=("refused", "dead", "cancelled"),
    ),
    "runs": Chart(
        "States of a run and the verbs between them",
        RUN_MACHINE,
        (490, 200),
        {
            "active": Box(("active",), 110, 60),
            "paused": Box(("paused",), 380, 60),
            "cancelled": Box(("cancelled",), 245, 155, "box end"),
        },
        {
            ("active", "paused"): Way("M185 53 H303", (244, 45)),
            ("paused", "active"): Way("M305 70 H187", (244, 89)),
            ("active", "cancelled"): Way("M110 78 V155 H168", (118, 120), "start"),
            ("paused", "cancelled"): Way("M380 78 V155 H322", (372, 120), "end"),
        },
        home="active",
    ),
    "approvals": Chart(
        "States of an approval and the verbs between them",
        APPROVAL_MACHINE,
        (620, 400),
        {
            "pending": Box(("pending",), 120, 200, "box hold"),
            "approved": Box(("approved",), 490, 50, "box end"),
            "answered": Box(("answered",), 490, 120, "box end"),
            "rejected": Box(("rejected",), 490, 180, "box end"),
            "changes_requested": Box(("changes_requested",), 490, 240, "box end"),
            "expired": Box(("expired",), 490, 300, "box end"),
            "cancelled": Box(("cancelled",), 490, 360, "box end"),
        },
        {
            ("pending", "approved"): Way("M120 182 V50 H413", (300, 42)),
            ("pending", "answered"): Way("M195 190 H240 V120 H413", (330, 112)),
            ("pending", "rejected"): Way("M195 197 H280 V180 H413", (350, 172)),
            ("pending", "changes_requested"): Way("M195 204 H280 V240 H413", (345, 232)),
            ("pending", "expired"): Way("M195 212 H240 V300 H413", (330, 292)),
            ("pending", "cancelled"): Way("M120 218 V360 H413", (300, 352)),
        },
        home="pending",
        ends=("approved", "rejected"),
    ),
}

HEAD = """# States and verbs

A state changes by a verb, in one guarded UPDATE; the database refuses every other move and writes the event. The verbs
have the same names in the log, in the API and on buttons. The pictures show each verb's usual way; the tables also say
the unusual ones. This page and its pictures are generated from the declarations (`make reference`).

"""
TASKS = f"""Every verb is also the name of an [event](../api.md#listening); a new task's is `enqueue`. People have
buttons for {code(BUTTONS)}. What leaves the dashed frame can happen to every unfinished task; what is marked ↩ puts an
ended task back into the queue.

"""


def page() -> str:
    parts = [
        HEAD,
        _section("Tasks", "tasks", TASK_MACHINE, TASKS),
        _section("Runs", "runs", RUN_MACHINE, "That a run is finished is no state: it is read off its tasks.\n\n"),
        _section(
            "Approvals",
            "approvals",
            APPROVAL_MACHINE,
            "Questions for answers and sign-ins are kept as approvals, too.\n\n",
        ),
        _section("Bulk actions", "", BULK_MACHINE, ""),
        _section("Alarms", "", ALARM_MACHINE, "An [alarm](../alarms.md) is told of once, when it fires.\n\n"),
    ]
    return "".join(parts).rstrip() + "\n"


def _section(name: str, picture: str, machine: Machine[Any, Any], about: str) -> str:
    shown = f"![{CHARTS[picture].title}](../pictures/states-{picture}.svg)\n\n" if picture else ""
    meanings = meanings_of(machine.states)
    states = [(f"`{state}`", meanings[state.name], code(machine.verbs(state))) for state in machine.states]
    verbs = [
        (f"`{verb}`", code(state for state in machine.states if state in move.sources), code(move.targets))
        for verb, move in machine.moves.items()
    ]
    tables = table(("state", "meaning", "left by"), states) + table(("verb", "from", "to (the usual first)"), verbs)
    return f"## {name}\n\n{shown}{about}{tables}"


def meanings_of(states: type[StrEnum]) -> dict[str, str]:
    """The text that stands below each member, by its name."""
    [declared] = ast.parse(dedent(inspect.getsource(states))).body
    assert isinstance(declared, ast.ClassDef)
    found: dict[str, str] = {}
    for member, below in pairwise(declared.body):
        if isinstance(member, ast.Assign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[ast.unparse(member.targets[0])] = str(below.value.value)
    return found
