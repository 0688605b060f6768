"""A delivery on the wire: signed, the same bytes at every try, given up when the endpoint is gone or hopeless."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, text
from standardwebhooks import Webhook, WebhookVerificationError

import holdgate.kinds.email_send  # noqa: F401
from holdgate.accounts import service as accounts
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.mail.letters import find_letter, letter_data
from holdgate.mail.message import render
from holdgate.tasks.models import Task
from holdgate.webhooks import queries, service
from holdgate.webhooks.models import WebhookDelivery, WebhookEndpoint
from holdgate.webhooks.service import MOST_FAILURES, PATIENCE
from tests.factories.approvals import principal
from tests.factories.webhooks import FINE, answer, make_endpoint, told
from tests.factories.workers import until, until_state, working
from tests.kinds.odd_site import odd_site

BROKEN = answer("500 Internal Server Error")


async def ping(database: Database, by: Principal, endpoint: UUID) -> UUID:
    """The id of the task that delivers it."""
    async with database.write(by.actor) as session:
        await service.ping(session, by, endpoint)
    async with database.read() as session:
        tasks = select(Task.id).where(Task.kind == "webhook.deliver").order_by(Task.id.desc()).limit(1)
        return (await session.execute(tasks)).scalar_one()


async def now_due(database: Database) -> None:
    """What waits for its next try has waited long enough."""
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET run_at = now() WHERE state = 'retrying'"))


async def endpoint_of(database: Database, endpoint: UUID) -> WebhookEndpoint:
    async with database.read() as session:
        return await session.get_one(WebhookEndpoint, endpoint)


async def delivery_of(database: Database, task_id: UUID) -> WebhookDelivery:
    async with database.read() as session:
        return (await session.execute(select(WebhookDelivery).where(WebhookDelivery.task_id == task_id))).scalar_one()


async def test_a_delivery_is_verified_by_the_library_of_the_standard(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    async with odd_site(FINE) as site, working(database, settings):
        endpoint, secret = await make_endpoint(database, settings, ann, site.url)
        task_id = await ping(database, ann, endpoint)
        await until_state(database, task_id, "succeeded")
    [request] = told(site)
    assert request.verified(secret)["type"] == "ping"
    assert request.json["data"] == {"endpoint_id": str(endpoint)}
    assert request.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        request.verified("whsec_" + "A" * 43 + "=")
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(request.body.decode() + " ", request.headers)
    delivery = await delivery_of(database, task_id)
    assert (str(delivery.id), delivery.status, delivery.tries, delivery.problem) == (request.id, 204, 1, None)
    assert delivery.delivered_at is not None
    assert delivery.took is not None and timedelta() < delivery.took < timedelta(seconds=10)


async def test_a_retry_has_the_same_id_and_bytes_and_a_signature_of_its_own_time(
    database: Database, settings: Settings
) -> None:
    ann = await principal(database)
    async with odd_site(BROKEN, BROKEN, FINE) as site, working(database, settings):
        endpoint, secret = await make_endpoint(database, settings, ann, site.url)
        task_id = await ping(database, ann, endpoint)
        for tries in (1, 2):
            await until_tried(database, task_id, tries)
            delivery = await delivery_of(database, task_id)
            assert (delivery.status, delivery.delivered_at) == (500, None)
            assert (await endpoint_of(database, endpoint)).failures == tries
            await now_due(database)
        await until_state(database, task_id, "succeeded")
    requests = told(site)
    assert len(requests) == 3
    assert len({request.id for request in requests}) == 1
    assert len({request.body for request in requests}) == 1
    for request in requests:
        request.verified(secret)
    settled = await endpoint_of(database, endpoint)
    assert (settled.failures, settled.failing_since) == (0, None)


async def until_tried(database: Database, task_id: UUID, tries: int) -> None:
    async def tried() -> bool:
        delivery = await delivery_of(database, task_id)
        async with database.read() as session:
            task = await session.get_one(Task, task_id)
        return delivery.tries == tries and task.state == "retrying"

    await until(tried)


async def test_for_a_day_after_a_rotation_both_secrets_sign(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    async with odd_site(FINE) as site, working(database, settings):
        endpoint, old = await make_endpoint(database, settings, ann, site.url)
        async with database.write(ann.actor) as session:
            new = await service.rotate(session, ann, endpoint)
        await until_state(database, await ping(database, ann, endpoint), "succeeded")
        async with database.write("system") as session:
            await session.execute(text("UPDATE webhook_endpoints SET old_secret_until = now()"))
        await until_state(database, await ping(database, ann, endpoint), "succeeded")
    during, after = told(site)
    assert len(during.headers["webhook-signature"].split()) == 2
    for secret in (old, new):
        during.verified(secret)
    after.verified(new)
    with pytest.raises(WebhookVerificationError):
        after.verified(old)


async def test_410_disables_the_endpoint_and_tells_its_owner(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    async with odd_site(answer("410 Gone")) as site, working(database, settings):
        endpoint, _ = await make_endpoint(database, settings, ann, site.url)
        task_id = await ping(database, ann, endpoint)
        task = await until_state(database, task_id, "dead_letter")
    assert task.failures == 1
    ended = await endpoint_of(database, endpoint)
    assert ended.disabled_at is not None
    assert "410" in (ended.disabled_reason or "")
    await assert_told(database, settings, ann, "410")


async def assert_told(database: Database, settings: Settings, by: Principal, why: str) -> None:
    """One mail, to the owner, that says why."""
    async with database.write("system") as session:
        [mail] = (await session.execute(select(Task.payload).where(Task.kind == "email.send"))).scalars()
        assert (mail["template"], mail["to"]) == ("webhook_disabled", by.email)
        data = letter_data("webhook_disabled", mail["data"])
        values = await find_letter("webhook_disabled").prepare(session, data, settings)
    message = render("webhook_disabled", values, to=by.email, task_id=by.id, settings=settings)
    assert why in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


async def test_an_endpoint_is_given_up_after_many_failures_over_days_and_not_before(
    database: Database, settings: Settings
) -> None:
    ann = await principal(database)
    endpoint, _ = await make_endpoint(database, settings, ann, "http://127.0.0.1:9")
    await ping(database, ann, endpoint)
    now = datetime.now(UTC)
    async with database.read() as session:
        delivery = (await session.execute(select(WebhookDelivery.id))).scalar_one()

    async def fail(at: datetime) -> bool:
        async with database.write("system") as session:
            await service.note_failed(session, delivery, "It is down.", now=at)
        return (await endpoint_of(database, endpoint)).disabled_at is not None

    for _ in range(MOST_FAILURES + 5):
        assert not await fail(now)
    assert not await fail(now + PATIENCE - timedelta(minutes=1))
    assert await fail(now + PATIENCE)
    assert await fail(now + PATIENCE)
    await assert_told(database, settings, ann, "more than 3 days")


async def test_few_failures_over_many_days_do_not_end_an_endpoint(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    endpoint, _ = await make_endpoint(database, settings, ann, "http://127.0.0.1:9")
    now = datetime.now(UTC)
    async with database.write("system") as session:
        for day in range(MOST_FAILURES - 1):
            at = now + timedelta(days=day)
            assert not await queries.note_failure(session, endpoint, most=MOST_FAILURES, patience=PATIENCE, now=at)


async def test_retry_after_puts_the_next_try_off(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    async with odd_site(answer("503 Busy", "Retry-After: 7200")) as site, working(database, settings):
        endpoint, _ = await make_endpoint(database, settings, ann, site.url)
        task_id = await ping(database, ann, endpoint)
        task = await until_state(database, task_id, "retrying")
    async with database.read() as session:
        now = (await session.execute(select(func.now()))).scalar_one()
    assert task.run_at is not None
    assert timedelta(minutes=119) < task.run_at - now <= timedelta(minutes=132)


@pytest.mark.parametrize("status", ["301 Moved Permanently", "400 Bad Request", "404 Not Found", "429 Too Many"])
async def test_everything_but_a_2xx_is_tried_again_and_redirects_are_not_followed(
    database: Database, settings: Settings, status: str
) -> None:
    ann = await principal(database)
    async with odd_site(FINE) as elsewhere, odd_site(answer(status, f"Location: {elsewhere.url}")) as site:
        endpoint, _ = await make_endpoint(database, settings, ann, site.url)
        async with working(database, settings):
            await until_tried(database, await ping(database, ann, endpoint), 1)
    assert elsewhere.asked == []


async def test_private_addresses_are_refused_for_good_where_they_are_not_allowed(
    database: Database, settings: Settings
) -> None:
    closed = msgspec.structs.replace(settings, allow_private_addresses=False)
    ann = await principal(database)
    async with odd_site(FINE) as site, working(database, closed):
        endpoint, _ = await make_endpoint(database, settings, ann, site.url)
        task = await until_state(database, await ping(database, ann, endpoint), "dead_letter")
    assert site.asked == []
    assert "not on the public internet" in (task.reason or "")


async def test_what_is_under_way_when_an_endpoint_is_disabled_waits_among_the_dead_letters(
    database: Database, settings: Settings
) -> None:
    ann = await principal(database)
    async with odd_site(FINE) as site:
        endpoint, _ = await make_endpoint(database, settings, ann, site.url)
        first = await ping(database, ann, endpoint)
        async with database.write(ann.actor) as session:
            await service.disable(session, ann, endpoint)
        async with working(database, settings):
            await until_state(database, first, "dead_letter")
            async with database.write(ann.actor) as session:
                await service.enable(session, ann, endpoint)
                await session.execute(
                    text("UPDATE tasks SET state = 'queued', finished_at = NULL, failures = 0 WHERE id = :id"),
                    {"id": first},
                )
            await until_state(database, first, "succeeded")
            second = await ping(database, ann, endpoint)
            await until_state(database, second, "succeeded")
    assert len(site.asked) == 2


async def test_a_delivery_of_a_deleted_endpoint_sends_nothing(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    async with odd_site(FINE) as site:
        endpoint, _ = await make_endpoint(database, settings, ann, site.url)
        task_id = await ping(database, ann, endpoint)
        async with database.write(ann.actor) as session:
            await service.delete(session, ann, endpoint)
        async with working(database, settings):
            task = await until_state(database, task_id, "succeeded")
    assert site.asked == []
    assert task.result and "deleted" in task.result["skipped"]


async def test_no_task_and_no_result_holds_a_secret(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    async with odd_site(FINE) as site, working(database, settings):
        endpoint, secret = await make_endpoint(database, settings, ann, site.url)
        await until_state(database, await ping(database, ann, endpoint), "succeeded")
    async with database.read() as session:
        found: list[str] = []
        for table in ("tasks", "task_events", "task_steps"):
            rows = await session.execute(text(f"SELECT CAST(x.* AS text) FROM {table} x"))
            found += rows.scalars()
        everything = "\n".join(found)
    assert str(endpoint) in everything
    assert secret.removeprefix("whsec_") not in everything


async def test_what_waits_for_a_disabled_persons_webhook_is_not_sent(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    async with odd_site(FINE) as site:
        endpoint, _ = await make_endpoint(database, settings, ann, site.url)
        task_id = await ping(database, ann, endpoint)
        async with database.write("system") as session:
            await accounts.disable(session, ann.id)
        async with working(database, settings):
            await until_state(database, task_id, "succeeded")
    assert told(site) == []
    async with database.read() as session:
        assert "has ended" in str((await session.get_one(Task, task_id)).result)
