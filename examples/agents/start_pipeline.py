"""Starts a pipeline once people have agreed, so that no runner waits for them, and none looks again and again.

    flask --app "start_pipeline:create_app()" run

A pipeline asks with `holdgate ask --no-wait --callback https://…/decided` and ends. HOLDGATE_URL and HOLDGATE_TOKEN are
the same as its own. WORKFLOW_URL is where GitHub starts the one that deploys
(https://api.github.com/repos/OWNER/NAME/actions/workflows/deploy.yml/dispatches), WORKFLOW_TOKEN may do so.
"""

import os
from uuid import UUID

import httpx
from flask import Flask, request

from holdgate import Client, Problem


def create_app(hold: Client | None = None) -> Flask:
    client = hold or Client(os.environ["HOLDGATE_URL"], os.environ["HOLDGATE_TOKEN"])
    app = Flask(__name__)

    @app.post("/decided")
    def decided() -> tuple[str, int]:
        """The message is a hint: what was decided is read from Holdgate, so one that is forged starts nothing. It comes
        again where GitHub refuses, and may come twice: the workflow takes the approval, which works once."""
        try:
            decision = client.decision(UUID(request.get_json()["data"]["id"]))
        except Problem as problem:
            return problem.detail, problem.status
        if decision.approved:
            start_workflow(decision.id)
        return "", 204

    return app


def start_workflow(approval: UUID) -> None:
    """It gets nothing but the request: what it deploys is what stands there."""
    answer = httpx.post(
        os.environ["WORKFLOW_URL"],
        headers={"Authorization": f"Bearer {os.environ['WORKFLOW_TOKEN']}", "Accept": "application/vnd.github+json"},
        json={"ref": "main", "inputs": {"approval": str(approval)}},
    )
    answer.raise_for_status()
