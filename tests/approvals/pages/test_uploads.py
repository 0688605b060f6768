"""A file put into a form: by a link without scripts, signed in, by programs; then shown, kept and read."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import select, text

from holdgate import Context, FormField, StoredArtifact, kind
from holdgate.approvals.models import Approval
from holdgate.approvals.pages import review
from holdgate.approvals.requests import uploading
from holdgate.approvals.requests.uploading import SentFile
from holdgate.approvals.states import HoldType
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.scopes import Scope
from holdgate.tasks import kinds
from holdgate.testing import KindTester
from tests.elements import elements
from tests.factories.approvals import ANN, BOB, OWNER, Asked, approval_of, principal, put_question, receipt_of
from tests.factories.asking import APPROVALS
from tests.factories.blocks import picture
from tests.factories.people import words
from tests.factories.programs import api_of, is_problem
from tests.factories.site import browser_of, hidden, site_of, stranger

PDF = b"%PDF-1.4\n1 0 obj\n%%EOF\n"
DIGEST = hashlib.sha256(PDF).hexdigest()
FIELDS = (
    FormField("cv", "Résumé", type="file", required=True, limits={"accept": ["application/pdf"], "maxBytes": 2000}),
    FormField("note", "Note", value="as it is"),
)


@pytest.fixture
async def site(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as made:
        yield made


@pytest.fixture
async def tester(database: Database, settings: Settings) -> AsyncIterator[KindTester]:
    async with KindTester(database, settings) as made:
        yield made


@pytest.fixture
async def asked(database: Database, settings: Settings) -> Asked:
    return await put_question(database, settings, recipients=(ANN,), fields=FIELDS)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)


async def form_of(browser: httpx.AsyncClient, path: str, **more: str) -> dict[str, str]:
    page = (await browser.get(path)).text
    names = ["version", *(["token", "stamp"] if path.startswith("/review") else ["_csrf_token"])]
    return {**{name: hidden(page, name) for name in names}, "answer.note": "typed by hand", **more}


async def test_a_file_goes_with_a_decision_by_link_without_scripts_and_without_an_account(
    database: Database, settings: Settings, site: httpx.ASGITransport, asked: Asked
) -> None:
    link = f"/review/{asked.tokens[0]}"
    async with stranger(site) as phone:
        form = await form_of(phone, link)
        early = await phone.post("/review", data={**form, "decision": "approve", "file.cv": "cv.pdf"})
        assert early.status_code == 422 and "Press Upload" in words(early)
        missing = await phone.post("/review", data={**form, "decision": "approve"})
        assert missing.status_code == 422
        sent = {"file.cv": ("../My résumé.exe", PDF, "text/plain")}
        page = await phone.post(f"{link}/files", data={**form, "upload": "cv"}, files=sent)
        assert page.status_code == 200, words(page)
        [note] = elements(page, name="answer.note")
        assert note["value"] == "typed by hand", "what was entered is kept"
        form["answer.cv"] = hidden(page.text, "answer.cv")
        done = await phone.post("/review", data={**form, "decision": "approve"})
        assert done.status_code == 303
        assert DIGEST in words(await phone.get(f"{link}/receipt"))
        file = await phone.get(f"{link}/files/{form['answer.cv']}")
    assert (file.content, file.headers["content-type"]) == (PDF, "application/pdf")
    assert "attachment" in file.headers["content-disposition"] and "sandbox" in file.headers["content-security-policy"]
    assert "set-cookie" not in file.headers and file.headers["referrer-policy"] == "no-referrer"
    answer = (await approval_of(database, asked)).answer or {}
    assert answer["cv"] == {
        "id": form["answer.cv"],
        "name": "My résumé.pdf",
        "content_type": "application/pdf",
        "size": len(PDF),
        "sha256": DIGEST,
    }
    assert DIGEST in (await receipt_of(database, settings, asked)).content["decision"]["answer"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cv.pdf", b"<html><script>alert(1)</script>", "none of .pdf"),
        ("cv.pdf", picture(), "none of .pdf"),
        ("cv.pdf", PDF + b"x" * 2000, "too large"),
        ("cv.pdf", b"", "not empty"),
    ],
)
async def test_what_does_not_fit_is_refused_beside_its_field_and_not_kept(
    database: Database, site: httpx.ASGITransport, asked: Asked, name: str, content: bytes, said: str
) -> None:
    link = f"/review/{asked.tokens[0]}"
    async with stranger(site) as phone:
        form = await form_of(phone, link, upload="cv")
        answer = await phone.post(f"{link}/files", data=form, files={"file.cv": (name, content)})
        assert answer.status_code == 422 and said in words(answer)
        assert elements(answer, id="f-file-cv-error")
        other = await phone.post("/review/nobody/files", data=form, files={"file.cv": (name, content)})
        assert other.status_code == 404
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM artifacts")) == 0


async def test_of_several_the_next_is_shown_the_file_and_nobody_decides_with_another_s(
    database: Database, settings: Settings, site: httpx.ASGITransport
) -> None:
    fields = (msgspec.structs.replace(FIELDS[0], required=False), FIELDS[1])
    asked = await put_question(database, settings, recipients=(ANN, BOB), needed=2, fields=fields)
    path = f"/approvals/{asked.approval_id}"
    async with browser_of(site, await principal(database, ANN)) as ann:
        form = await form_of(ann, path, upload="cv")
        page = await ann.post(f"{path}/files", data=form, files={"file.cv": ("cv.pdf", PDF)})
        assert page.status_code == 200, words(page)
        file = hidden(page.text, "answer.cv")
        async with browser_of(site, await principal(database, BOB)) as bob:
            stolen = await form_of(bob, path, **{"answer.cv": file, "decision": "approve"})
            assert (await bob.post(f"{path}/decision", data=stolen)).status_code == 422
            assert (await bob.get(f"{path}/files/{file}")).status_code == 404
            await ann.post(f"{path}/decision", data={**form, "answer.cv": file, "decision": "approve"})
            seen = await bob.get(path)
            assert DIGEST in words(seen) and f"{path}/files/{file}" in seen.text
            assert (await bob.get(f"{path}/files/{file}")).content == PDF
            agreed = await form_of(bob, path, decision="approve")
            assert (await bob.post(f"{path}/decision", data=agreed)).status_code == 303
    approval = await approval_of(database, asked)
    assert (approval.state, (approval.answer or {})["cv"]["sha256"]) == ("approved", DIGEST)


async def test_a_program_asks_for_a_file_and_fetches_it(settings: Settings, database: Database, redis: Redis) -> None:
    async with api_of(settings, database, redis) as api:
        program = await api.program(scopes=(Scope.APPROVALS_CREATE,))
        wanted = {"type": "string", "format": "file", "title": "Résumé", "accept": ["application/pdf"]}
        form = {"properties": {"cv": wanted}, "required": ["cv"]}
        body = {"title": "Send your résumé", "form": form, "recipients": [ANN]}
        for wrong in ({"accept": ["text/html"]}, {"maxBytes": 10**9}, {"maxBytes": 0}, {"default": "x"}):
            refused = await program.post(APPROVALS, json={**body, "form": {"properties": {"cv": {**wanted, **wrong}}}})
            assert is_problem(refused, 422)
        made = (await program.post(APPROVALS, json=body)).json()
        path = f"{APPROVALS}/{made['id']}"
        ann = await api.program(ANN, (Scope.TASKS_READ, Scope.APPROVALS_DECIDE))
        assert (await ann.get(path)).json()["fields"][0]["type"] == "file"
        octets = {"Content-Type": "application/octet-stream"}
        kept = await ann.post(f"{path}/files", params={"field": "cv", "name": "cv.pdf"}, content=PDF, headers=octets)
        assert kept.status_code == 200, kept.text
        assert is_problem(await ann.post(f"{path}/files", params={"field": "no"}, content=PDF, headers=octets), 422)
        assert is_problem(await program.post(f"{path}/files", params={"field": "cv"}, content=PDF, headers=octets), 403)
        decision = {"version": made["version"], "decision": "approve", "form": {"cv": kept.json()["id"]}}
        assert (await ann.post(f"{path}/decision", json=decision)).status_code == 200
        told = (await program.get(path)).json()["decision"]["form"]["cv"]
        assert (told["name"], told["sha256"]) == ("cv.pdf", DIGEST)
        file = await program.get(f"{path}/files/{told['id']}")
        assert (file.content, file.headers["etag"]) == (PDF, f'"{DIGEST}"')
        assert (await program.get(f"{path}/files/{made['id']}")).status_code == 404


class Application(msgspec.Struct):
    cv: StoredArtifact
    letter: StoredArtifact | None = None


async def test_a_handler_gets_the_file_as_its_form_s_type_and_reads_it(
    database: Database, settings: Settings, tester: KindTester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "_CATALOGUE", dict(kinds._CATALOGUE))

    @kind("test.reads")
    async def reads(ctx: Context, payload: dict[str, Any]) -> dict[str, Any]:
        answer = await ctx.approval("go", title="Your résumé?", show={"For": "Acme"}, form=Application)
        return {"bytes": len(await ctx.read_file(answer.form.cv)), "letter": answer.form.letter}

    task_id = await tester.enqueue("test.reads", {}, owner_id=await tester.person())
    assert await tester.run(task_id) == "pending_approval"
    kept = await given(database, settings, task_id, "cv", SentFile("cv.pdf", PDF))
    again = await given(database, settings, task_id, "cv", SentFile("cv.pdf", PDF))
    assert (kept.name, again.name != kept.name) == ("cv.pdf", True)
    await tester.decide(task_id, form={"cv": str(again.id)}, by=await principal(database, OWNER))
    assert await tester.run(task_id) == "succeeded"
    assert await tester.result(task_id) == {"bytes": len(PDF), "letter": None}


async def given(database: Database, settings: Settings, task_id: UUID, field: str, file: SentFile) -> StoredArtifact:
    by = await principal(database, OWNER)
    async with database.read() as session:
        approval = (await session.execute(select(Approval).where(Approval.task_id == task_id))).scalar_one()
    return await uploading.upload(database, settings, approval, field, file, by=by.email, actor=by.actor)


async def test_an_answer_that_was_asked_for_may_be_a_file_of_a_few_kinds(
    database: Database, settings: Settings
) -> None:
    fields = (FormField("list", "List", type="file", limits={"accept": ["text/csv", "image/png"]}),)
    asked = await put_question(database, settings, recipients=(ANN,), hold=HoldType.INPUT, fields=fields)
    approval = await approval_of(database, asked)
    more = {"by": ANN, "actor": "recipient:x"}
    csv = await uploading.upload(database, settings, approval, "list", SentFile("a.csv", b"a,b\n1,2\n"), **more)
    png = await uploading.upload(database, settings, approval, "list", SentFile("x", picture()), **more)
    assert [(one.name, one.content_type) for one in (csv, png)] == [("a.csv", "text/csv"), ("x.png", "image/png")]
    with pytest.raises(Invalid, match="By its content"):
        await uploading.upload(database, settings, approval, "list", SentFile("a.csv", b"\x00\x01"), **more)
