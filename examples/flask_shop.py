"""The same shop by Flask and psycopg, without async.

    flask --app "flask_shop:create_app()" run

DATABASE_URL is that of the shop (postgresql://…); Holdgate has a schema of its own in the same database.
"""

import os

import psycopg
from flask import Flask, Response, jsonify, request
from refunds import PayRefund, pay_refund

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
            task_id = pay_refund.enqueue(connection, PayRefund(order, cents), unique=f"refund:{order}")
            connection.execute(INSERT, (order, cents, task_id))
            if cents > 50_000:  # the shop's own rule: with it goes the task
                connection.rollback()
                return jsonify(detail="That is more than this shop pays back."), 409
        return jsonify(task=str(task_id)), 202

    return app
