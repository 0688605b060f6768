"""A Flask app that asks before it pays: no request waits for a person, and no approval pays twice.

    flask --app "flask_payout:create_app()" run

HOLDGATE_URL and HOLDGATE_TOKEN (scope approvals:create) say where it asks.
"""

import os
from typing import Any
from uuid import UUID

from flask import Flask, Response, jsonify, request

from holdgate import Client, Problem

APPROVERS = ["ann@shop.example"]


def create_app(hold: Client | None = None) -> Flask:
    client = hold or Client(os.environ["HOLDGATE_URL"], os.environ["HOLDGATE_TOKEN"])
    app = Flask(__name__)
    app.config["PAID"] = []

    @app.post("/payouts/<invoice>")
    def ask(invoice: str) -> tuple[Response, int]:
        """Asking again for the same invoice finds the same request."""
        made = client.create_approval(
            f"Pay invoice {invoice}",
            to=APPROVERS,
            show={"Invoice": invoice, "Amount": f"{int(request.args['cents']) / 100:.2f} €"},
            metadata={"invoice": invoice, "cents": int(request.args["cents"])},
            once=f"payout:{invoice}",
        )
        return jsonify(approval=str(made.id), page=made.url), 202

    @app.post("/approvals/<uuid:approval>/pay")
    def pay(approval: UUID) -> tuple[Response, int]:
        """Called by whatever looks at open payouts: a page, a job, or the webhook of the decision. What is paid is what
        was asked for, whoever calls."""
        decision = client.decision(approval)
        if not decision.approved:
            return jsonify(state=decision.state, reason=decision.reason), 202 if decision.pending else 409
        try:
            client.use(approval)  # whoever comes first pays; there is no second time
        except Problem as problem:
            return jsonify(detail=problem.detail), problem.status
        paid: list[Any] = app.config["PAID"]
        paid.append(decision.metadata)
        return jsonify(paid=decision.metadata, agreed_by=decision.by), 200

    return app
