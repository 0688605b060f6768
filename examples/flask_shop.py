"""The same shop by Flask and psycopg, without async. How far a refund is, it asks by the API.

    flask --app "flask_shop:create_app()" run

DATABASE_URL is that of the shop (postgresql://…); Holdgate has a schema of its own in the same database. BASE_URL and
TOKEN are of Holdgate's API: a token of the person who owns the tasks.
"""

import os

import psycopg
from flask import Flask, Response, jsonify, request
from refunds import PayRefund, pay_refund

from holdgate import Client, Problem

OWNER = os.environ.get("OWNER")  # whose tasks they are: an address that has access
TABLE = (
    'CREATE TABLE IF NOT EXISTS shop_refunds ("order" text PRIMARY KEY, cents integer NOT NULL, task_id uuid NOT NULL)'
)
INSERT = "INSERT INTO shop_refunds VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"


def create_app(database_url: str = "") -> Flask:
    url = database_url or os.environ["DATABASE_URL"]
    app = Flask(__name__)
    with psycopg.connect(url) as connection:
        connection.execute(TABLE)

    @app.post("/orders/<order>/refund")
    def refund(order: str) -> tuple[Response, int]:
        cents = int(request.args["cents"])
        with psycopg.connect(url) as connection:  # commits at its end, rolls back when something is raised
            task_id = pay_refund.enqueue(connection, PayRefund(order, cents), unique=f"refund:{order}", owner=OWNER)
            connection.execute(INSERT, (order, cents, task_id))
            if cents > 50_000:  # the shop's own rule: with it goes the task
                connection.rollback()
                return jsonify(detail="That is more than this shop pays back."), 409
        return jsonify(task=str(task_id)), 202

    @app.get("/refunds/<task_id>")
    def progress(task_id: str) -> tuple[Response, int]:
        with Client(os.environ["BASE_URL"], os.environ["TOKEN"]) as hold:
            try:
                task = hold.task(task_id)
            except Problem as problem:
                return jsonify(detail=problem.detail), problem.status
            return jsonify(
                state=task.state, waits_for=[each.title for each in hold.iter_approvals(task_id=task_id)]
            ), 200

    return app
