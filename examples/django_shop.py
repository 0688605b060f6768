"""The same shop by Django: the task is enqueued in the transaction of the view.

    DJANGO_SETTINGS_MODULE=django_settings python -m django runserver

Django and Holdgate share a database; Holdgate has a schema of its own in it, which Django's migrations do not see.
"""

from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from refunds import PayRefund, pay_refund

TABLE = (
    'CREATE TABLE IF NOT EXISTS shop_refunds ("order" text PRIMARY KEY, cents integer NOT NULL, task_id uuid NOT NULL)'
)
INSERT = "INSERT INTO shop_refunds VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"


class TooMuch(Exception):
    """The shop's own rule: with it goes the task."""


@csrf_exempt  # the example has no forms
@require_POST
def refund(request: HttpRequest, order: str) -> JsonResponse:
    cents = int(request.GET["cents"])
    try:
        with transaction.atomic():
            # Inside of atomic() Django's connection is open: psycopg's own stands below it.
            task_id = pay_refund.enqueue(connection.connection, PayRefund(order, cents), unique=f"refund:{order}")
            with connection.cursor() as cursor:
                cursor.execute(TABLE)  # a model of yours
                cursor.execute(INSERT, (order, cents, task_id))
            if cents > 50_000:
                raise TooMuch
    except TooMuch:
        return JsonResponse({"detail": "That is more than this shop pays back."}, status=409)
    return JsonResponse({"task": str(task_id)}, status=202)


urlpatterns = [path("orders/<str:order>/refund", refund)]
