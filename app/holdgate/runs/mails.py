"""The mail that tells a run's owner that it has finished."""

from typing import Any
from uuid import UUID

import msgspec

from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.mail.errors import NotNeeded
from holdgate.mail.letters import PlainLetter
from holdgate.runs import lookup
from holdgate.runs.states import Stage
from holdgate.tasks.states import FINISHED
from holdgate.web.filters import duration, state_label


class Summary(msgspec.Struct, frozen=True):
    """A run as it was when it finished. `elapsed` and the tasks' time in the `stages` are in seconds."""

    run_id: UUID
    counts: dict[str, int]
    elapsed: float
    stages: dict[str, float]


WORDS = {Stage.QUEUE: "queued", Stage.WORK: "running", Stage.PEOPLE: "waiting on people"}


class RunFinished(PlainLetter):
    Data: type[msgspec.Struct] = Summary

    async def prepare(self, session: WriteSession, data: Summary, settings: Settings) -> dict[str, Any]:
        run = await lookup.find_run(session, data.run_id, None)
        if run is None:
            raise NotNeeded("The run no longer exists.")
        return {
            "name": run.name,
            "cancelled": run.state == "cancelled",
            "total": sum(data.counts.values()),
            "counts": [(state_label(state), n) for state in FINISHED if (n := data.counts.get(state))],
            "elapsed": duration(data.elapsed),
            "stages": [(word, duration(data.stages[stage])) for stage, word in WORDS.items() if data.stages.get(stage)],
            "url": f"{settings.base_url}/runs/{data.run_id}",
            "settings_url": f"{settings.base_url}/settings#notices",
        }
