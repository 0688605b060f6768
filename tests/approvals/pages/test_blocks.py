"""What a request shows in blocks, wherever people read it, and the files that go with it."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis

from holdgate import FileBlock, TextBlock
from holdgate.approvals import blocks
from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import deciding, mails
from holdgate.approvals.requests.mails import AskedPerson
from holdgate.approvals.values import Asker
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.tasks.artifacts import store_artifact
from holdgate.tasks.queue.claims import Claimed
from holdgate.tasks.states import TaskState
from tests.factories.approvals import OWNER, Asked, approval_of, approve, principal, put_question, recipients_of
from tests.factories.blocks import every_block, kept, picture
from tests.factories.people import words
from tests.factories.site import browser_of, site_of, stranger
from tests.factories.tasks import make_task

MOST = 30_000  # bytes of a page without files


@pytest.fixture
async def transport(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as made:
        yield made


@pytest.fixture
async def asked(database: Database, settings: Settings) -> Asked:
    return await put_question(database, settings, shown=every_block(database, settings))


def files(approval: Approval) -> dict[str, UUID]:
    return {file.name: file.id for file in blocks.files_of(approval.shown)}


async def test_every_block_is_on_every_page_and_briefly_in_the_email(
    database: Database, settings: Settings, transport: httpx.ASGITransport, asked: Asked
) -> None:
    async with stranger(transport) as phone:
        page = await phone.get(f"/review/{asked.tokens[0]}")
    told = ["of a text.", "Deploys eight services", "Rollback Yes", "eu-central", "[added: 4 ]", "B, image/png"]
    told += ["plan.pdf", "wiki.example.org", '"image": "web:2.4"', "SHA-256"]
    assert [each for each in told if each not in words(page)] == []
    assert "<script" not in page.text
    assert len(page.content) < MOST, f"{len(page.content)} bytes"
    async with browser_of(transport, await principal(database)) as browser:
        inbox = words(await browser.get(f"/approvals/{asked.approval_id}"))
        async with database.write(f"recipient:{OWNER}") as session:
            await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="192.0.2.1")
        receipt = words(await browser.get(f"/approvals/{asked.approval_id}/receipt"))
    assert [each for each in told if each not in inbox or each not in receipt] == []


async def test_an_email_says_each_block_in_a_line(database: Database, settings: Settings, asked: Asked) -> None:
    [person] = await recipients_of(database, asked)
    async with database.write("system") as session:
        values = await mails.ApprovalRequest().prepare(session, AskedPerson(person.id), settings)
    lines = dict(values["what"])
    assert lines["Service"] == "web"
    assert lines["Load"] == "2 rows of Region, Requests, on the page"
    assert lines["Plan"].startswith("plan.pdf (19 bytes)")


async def test_files_open_in_a_sandbox_for_whoever_was_asked_and_no_others(
    database: Database, settings: Settings, transport: httpx.ASGITransport, asked: Asked
) -> None:
    shown = files(await approval_of(database, asked))
    async with stranger(transport) as phone:
        base = f"/review/{asked.tokens[0]}/files"
        image, plan = [await phone.get(f"{base}/{shown[name]}") for name in ("load.png", "plan.pdf")]
        assert (image.status_code, image.content) == (200, picture())
        assert (plan.status_code, plan.content) == (200, b"%PDF-1.4 plan %%EOF")
        for answer, how in ((image, "inline"), (plan, "attachment")):
            assert answer.headers["content-security-policy"].endswith("; sandbox")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["content-disposition"].startswith(how)
            assert "set-cookie" not in answer.headers
        assert (await phone.get(f"/review/none/files/{shown['plan.pdf']}")).status_code == 404
    async with browser_of(transport, await principal(database)) as browser:
        assert (await browser.get(f"/approvals/{asked.approval_id}/files/{shown['plan.pdf']}")).status_code == 200
    async with browser_of(transport, await principal(database, "mallory@example.org")) as browser:
        assert (await browser.get(f"/approvals/{asked.approval_id}/files/{shown['plan.pdf']}")).status_code == 404


async def test_a_file_that_the_request_does_not_show_is_not_opened_by_its_link(
    database: Database, settings: Settings, transport: httpx.ASGITransport
) -> None:
    secret: list[UUID] = []

    async def shown(task: Claimed) -> list[TextBlock]:
        secret.append((await kept(database, settings, task, "secret.txt", b"no", "text/plain")).id)
        return [TextBlock("nothing else")]

    asked = await put_question(database, settings, shown=shown)
    async with stranger(transport) as phone:
        assert (await phone.get(f"/review/{asked.tokens[0]}/files/{secret[0]}")).status_code == 404


async def test_a_link_is_not_enough_for_the_files_of_what_takes_signing_in(
    database: Database, settings: Settings, transport: httpx.ASGITransport
) -> None:
    asked = await put_question(database, settings, shown=every_block(database, settings), level="sign-in")
    shown = files(await approval_of(database, asked))
    async with stranger(transport) as phone:
        assert (await phone.get(f"/review/{asked.tokens[0]}/files/{shown['plan.pdf']}")).status_code == 403


async def test_a_file_of_another_task_can_not_be_shown(database: Database, settings: Settings) -> None:
    other = await make_task(database, TaskState.RUNNING)

    async def shown(task: Claimed) -> list[FileBlock]:
        made = await store_artifact(database, settings, "x", (other, 1), "a.txt", b"theirs", "text/plain")
        assert made is not None
        return [FileBlock(made)]

    with pytest.raises(QuestionImpossible, match=r"'a\.txt', which the task does not keep"):
        await put_question(database, settings, shown=shown)


async def test_links_of_a_program_are_told_and_lead_nowhere(
    database: Database, settings: Settings, transport: httpx.ASGITransport
) -> None:
    asker = Asker("Deploy bot", uuid7())
    asked = await put_question(database, settings, shown=every_block(database, settings), asker=asker)
    async with stranger(transport) as phone:
        page = await phone.get(f"/review/{asked.tokens[0]}")
    assert "wiki.example.org/plan" in words(page)
    assert 'href="https://wiki.example.org' not in page.text
