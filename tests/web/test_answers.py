"""Pages, fragments, flashes, refusals and failures."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from litestar.types import ASGIApp, Receive, Scope, Send
from sqlalchemy.exc import OperationalError

from holdgate.core.config import Settings
from holdgate.core.db import Database, Session
from holdgate.core.principal import Principal
from holdgate.web.errors import describe
from tests.elements import alerts, texts
from tests.web.conftest import Client, MakeSite

People = Callable[[], Awaitable[list[str]]]
HTMX = {"HX-Request": "true"}


async def test_a_page_is_whole_and_htmx_gets_its_part(client: Client) -> None:
    page = await client.get("/notes")
    part = await client.get("/notes", headers=HTMX)
    assert page.text.startswith("<html>")
    assert part.text == '<div id="_part">0 </div>'
    assert part.text in page.text
    assert page.headers["vary"] == part.headers["vary"] == "HX-Request"


@pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
async def test_a_boosted_link_and_a_step_back_get_the_whole_page(client: Client, header: str) -> None:
    assert (await client.get("/notes", headers={**HTMX, header: "true"})).text.startswith("<html>")


async def test_a_post_that_worked_leads_on_and_says_so_once(client: Client, people: People) -> None:
    answer = await client.form("/notes", {"title": "one"})
    assert (answer.status_code, answer.headers["location"], answer.content) == (303, "/notes", b"")
    assert await people() == ["one@x"]
    assert '<p data-level="success">Saved.</p>' in (await client.get("/notes")).text
    assert "Saved." not in (await client.get("/notes")).text


async def test_a_fragment_does_not_use_up_the_flash(client: Client) -> None:
    await client.form("/notes", {"title": "one"})
    await client.get("/notes", headers=HTMX)
    assert "Saved." in (await client.get("/notes")).text


async def test_a_forged_flash_is_not_shown(client: Client) -> None:
    client.cookies.set("hg_flash", "WyJlcnJvciIsIllvdXIgYWNjb3VudCJd.abc.def")
    answer = await client.get("/notes")
    assert (answer.status_code, "Your account" in answer.text) == (200, False)


@pytest.mark.parametrize(("title", "status"), [("conflict", 409), ("crash", 500), ("refused", 422), ("", 422)])
async def test_what_is_refused_or_fails_leaves_nothing_behind(
    client: Client, people: People, title: str, status: int
) -> None:
    assert (await client.form("/notes", {"title": title})).status_code == status
    assert await people() == []


async def test_a_form_that_does_not_fit_is_shown_again_with_what_was_entered(client: Client) -> None:
    answer = await client.form("/notes", {"title": "much too long"})
    assert answer.status_code == 422
    assert texts(answer, id="_part") == ["0 much too long"]
    assert "10" in answer.text


async def test_the_commit_is_before_the_answer(client: Client, database: Database, people: People) -> None:
    """The database refuses at commit: the person is told, not told otherwise."""
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$"
        )
        await connection.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    try:
        answer = await client.form("/notes", {"title": "one"})
    finally:
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql("DROP TRIGGER late ON users")
            await connection.exec_driver_sql("DROP FUNCTION refuse()")
    assert answer.status_code == 500
    assert "location" not in answer.headers
    assert await people() == []


async def test_a_get_cannot_ask_for_a_write_session(client: Client) -> None:
    assert (await client.get("/writes")).status_code == 500


async def test_the_event_log_is_told_who_writes(
    site_of: MakeSite, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    actors: list[str] = []
    write = database.write

    def noting(actor: str) -> Any:
        actors.append(actor)
        return write(actor)

    monkeypatch.setattr(database, "write", noting)
    async with Client(transport=httpx.ASGITransport(site_of()), base_url=settings.base_url) as client:
        await client.form("/notes", {"title": "one"})
        await client.form("/notes", {"title": "two"}, headers={"X-User": "ada@example.com"})
    assert actors == ["anonymous", "user:ada@example.com"]


async def test_the_number_of_waiting_approvals_is_counted_in_the_session_at_hand(
    site_of: MakeSite, settings: Settings
) -> None:
    seen: list[bool] = []

    async def count(session: Session, user: Principal) -> int:
        seen.append(session.in_transaction())
        return 7

    site = site_of(waiting=count)
    async with Client(transport=httpx.ASGITransport(site), base_url=settings.base_url) as client:
        assert "waiting=0" in (await client.get("/notes")).text
        assert "waiting=7" in (await client.get("/notes", headers={"X-User": "ada@example.com"})).text
        await client.get("/notes", headers={"X-User": "ada@example.com", **HTMX})
        assert "waiting=7" in (await client.get("/private", headers={"X-User": "ada@example.com"})).text
    assert seen == [True, False], "in the handler's own transaction, or a short one when the handler has none"


async def test_guards_let_in_whom_they_should(client: Client) -> None:
    assert (await client.get("/mine")).headers["location"] == "/login?next=%2Fmine"
    assert (await client.get("/mine", headers={"X-User": "ada@x"})).text == "ada@x"
    assert (await client.get("/admin", headers={"X-User": "ada@x"})).status_code == 403
    assert (await client.get("/admin", headers={"X-User": "admin@x"})).status_code == 200


async def test_a_session_that_ended_sends_a_live_part_to_the_login_of_its_page(client: Client) -> None:
    page = {"HX-Current-URL": "http://127.0.0.1:8000/runs/1?tab=2"}
    answer = await client.get("/mine", headers={**HTMX, **page})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/login?next=%2Fruns%2F1%3Ftab%3D2"


@pytest.mark.parametrize(("name", "status"), [("missing", 404), ("invalid", 422), ("busy", 429), ("crash", 500)])
async def test_refusals_are_pages_for_people_and_parts_for_htmx(client: Client, name: str, status: int) -> None:
    page, part = await client.get(f"/refusals/{name}"), await client.get(f"/refusals/{name}", headers=HTMX)
    assert page.status_code == part.status_code == status
    assert 'role="alert"' in page.text
    assert part.text.lstrip().startswith('<div class="section" id="_error"')
    assert "waiting=" not in part.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"


async def test_an_error_page_knows_who_is_signed_in(client: Client) -> None:
    assert "ada@x" in (await client.get("/refusals/missing", headers={"X-User": "ada@x"})).text


async def test_a_limit_says_when_to_come_back(client: Client) -> None:
    assert (await client.get("/refusals/busy")).headers["retry-after"] == "7"


async def test_a_failure_is_logged_with_the_request_id_and_tells_the_client_nothing(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await client.get("/refusals/crash", headers={"X-Request-ID": "find-me"})
    assert "secret" not in answer.text
    failures = [line for line in lines if line["log_level"] == "error"]
    assert [line["request_id"] for line in failures] == ["find-me"]
    assert "a mistake with a secret" in str(failures[0]["exc_info"])


async def test_programs_get_problems_in_json(client: Client) -> None:
    missing = await client.get("/api/v1/nothing", headers={"X-Request-ID": "find-me"})
    assert missing.headers["content-type"] == "application/problem+json"
    assert missing.json() == {
        "type": "/api/docs#problem-404",
        "title": "Not found",
        "status": 404,
        "detail": "There is nothing at this address.",
        "request_id": "find-me",
    }
    crash = await client.get("/api/v1/crash")
    assert (crash.status_code, crash.json()["status"], "secret" in crash.text) == (500, 500, False)


@pytest.mark.parametrize(("path", "content"), [("", b'{"n": "x"}'), ("", b"{}"), ("?q=x", b'{"n": 1}')])
async def test_input_that_does_not_fit_is_422_and_names_the_field(client: Client, path: str, content: bytes) -> None:
    answer = await client.post(f"/api/v1/counts{path}", content=content)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error.pop("detail")
    assert error == ({"parameter": "q"} if path else {"pointer": "#/n"})


async def test_a_body_that_is_no_json_is_400(client: Client) -> None:
    assert (await client.post("/api/v1/counts", content=b"{")).status_code == 400


async def test_a_broken_error_page_is_replaced_by_its_text(
    site_of: MakeSite, settings: Settings, templates: Path
) -> None:
    (templates / "error.html").write_text("{{ nothing.at.all }}")
    async with Client(transport=httpx.ASGITransport(site_of()), base_url=settings.base_url) as client:
        answer = await client.get("/nowhere")
    assert (answer.status_code, answer.text.split(".")[0]) == (404, "404 Not found")


def from_the_server(state: str) -> OperationalError:
    cause = OSError()
    cause.sqlstate = state  # type: ignore[attr-defined]
    return OperationalError("SELECT 1", {}, cause)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT 1", {}, OSError(), connection_invalidated=True),
        from_the_server("57P03"),
        from_the_server("53300"),
        ConnectionRefusedError(),
        FileNotFoundError(2, "No such file or directory"),
        TimeoutError(),
    ],
    ids=str,
)
def test_a_database_that_is_away_is_unavailable_and_not_a_mistake(error: Exception) -> None:
    problem = describe(error)
    assert (problem.status, problem.headers["Retry-After"]) == (503, "5")


async def test_a_database_that_is_away_while_a_session_is_looked_up_is_told_as_such(
    site_of: MakeSite, settings: Settings
) -> None:
    def away(_app: ASGIApp) -> ASGIApp:
        async def fail(_scope: Scope, _receive: Receive, _send: Send) -> None:
            raise from_the_server("57P03")

        return fail

    with structlog.testing.capture_logs() as lines:
        async with Client(
            transport=httpx.ASGITransport(site_of(authenticate=away)), base_url=settings.base_url
        ) as client:
            answer = await client.get("/notes", headers={"X-Request-ID": "find-me"})
            await client.get("/notes")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert alerts(answer) and "find-me" in answer.text
    assert [line["status"] for line in lines if line["event"] == "request"] == [503, 503]
    # The outage is told once, if it has not been told before.
    assert {line["event"] for line in lines if line["log_level"] in ("warning", "error")} <= {"server_away"}


@pytest.mark.parametrize("error", [from_the_server("42601"), FileNotFoundError(2, "No such file", "template.html")])
def test_our_own_mistakes_are_called_so(error: Exception) -> None:
    assert describe(error).status == 500


async def test_a_character_that_cannot_be_stored_is_refused(client: Client) -> None:
    assert (await client.get("/search?q=a%00b")).status_code == 422
