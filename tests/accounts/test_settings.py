"""The settings page: profile, résumé, cover letter, standing answers."""

import asyncio
import io
import zipfile
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import text as sql

from holdgate.accounts.profile import cover_letter
from holdgate.accounts.profile.profiles import ProfileView, load_profile, remember_answers
from holdgate.accounts.profile.resume_files import MOST_BYTES, Document, document
from holdgate.accounts.profile.resumes import add_resume, load_resume
from holdgate.accounts.sign_in.user_agents import browser_name
from holdgate.accounts.tokens.personal import create_token
from holdgate.core.errors import Invalid
from holdgate.core.file_types import DOCX, ODT
from holdgate.core.ids import uuid7
from holdgate.core.scopes import Scope
from holdgate.mail.errors import NotNeeded
from holdgate.mail.letters import find_letter, letter_data
from holdgate.mail.message import render
from tests.elements import elements, invalid, texts
from tests.factories.accounts import Browser, World
from tests.factories.races import impatient, until_it_waits

EMAIL = "ada@example.com"
PROFILE = {"name": "Ada Lovelace", "email": "ada@work.example", "phone": "+44 1", "cover_letter": "Dear {company}"}
PDF = b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n%%EOF"


def zipped(**members: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return target.getvalue()


WORD = zipped(
    **{
        "[Content_Types]_dot_xml": f'<Types><Override ContentType="{DOCX}.main+xml"/></Types>',
        "word__document_dot_xml": "<w/>",
    }
)
OPEN = zipped(mimetype=ODT, content_dot_xml="<x/>")


async def signed_in(world: World) -> Browser:
    await world.add(EMAIL)
    return await world.sign_in(EMAIL)


async def profile_of(world: World) -> tuple[ProfileView, Document | None]:
    user_id = (await world.sql("SELECT id FROM users"))[0][0]
    async with world.database.read() as session:
        profile = await load_profile(session, user_id)
        assert profile is not None
        return profile, await load_resume(session, user_id)


async def test_a_profile_is_saved_and_shown_again(world: World) -> None:
    browser = await signed_in(world)
    data = {**PROFILE, "question": ["Visa?", "", "Notice period"], "answer": ["none needed", "", "a month"]}
    answer = await browser.post("/settings/profile", data, files={"resume": ("My CV.exe", PDF, "text/html")})
    assert answer.status_code == 303, answer.text
    profile, resume = await profile_of(world)
    assert (profile.name, profile.email, profile.phone) == ("Ada Lovelace", "ada@work.example", "+44 1")
    assert profile.answers == {"Visa?": "none needed", "Notice period": "a month"}
    assert resume is not None
    assert (resume.name, resume.media_type, resume.content) == ("My CV.pdf", "application/pdf", PDF)
    page = await browser.get("/settings")
    for text in ("Ada Lovelace", "Visa?", "a month", "My CV.pdf", "Saved."):
        assert text in page.text
    assert "Saved." not in (await browser.get("/settings")).text
    assert await world.sql("SELECT name FROM users") == [("Ada Lovelace",)]


async def test_saving_without_a_file_keeps_the_resume(world: World) -> None:
    browser = await signed_in(world)
    await browser.post("/settings/profile", PROFILE, files={"resume": ("cv.pdf", PDF)})
    await browser.post("/settings/profile", PROFILE, files={"resume": ("", b"")})
    found = await browser.get("/settings/resume")
    assert found.content == PDF
    assert found.headers["content-disposition"] == "attachment; filename*=UTF-8''cv.pdf"
    assert (await browser.post("/settings/resume/remove")).status_code == 303
    assert (await browser.get("/settings/resume")).status_code == 404


async def test_an_unknown_placeholder_is_named_and_nothing_is_saved(world: World) -> None:
    browser = await signed_in(world)
    answer = await browser.post("/settings/profile", {**PROFILE, "cover_letter": "Dear {compnay},"})
    assert answer.status_code == 422
    assert "{compnay}" in invalid(answer)["cover_letter"]
    assert texts(answer, "textarea", name="cover_letter") == ["Dear {compnay},"]
    assert await world.sql("SELECT count(*) FROM profiles") == [(0,)]


async def test_a_refused_file_saves_nothing_else_either(world: World) -> None:
    browser = await signed_in(world)
    answer = await browser.post("/settings/profile", PROFILE, files={"resume": ("cv.pdf", b"\x7fELF\x00\x01")})
    assert answer.status_code == 422
    assert "resume" in invalid(answer)
    assert await world.sql("SELECT count(*) FROM profiles") == [(0,)]


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": "x" * 201},
        {"email": "nobody"},
        {"name": "a\0b"},
        {"question": [""], "answer": ["answer without a question"]},
        {"question": ["Twice", "Twice"], "answer": ["1", "2"]},
        {"question": [f"q{n}" for n in range(201)], "answer": ["a"] * 201},
    ],
)
async def test_what_does_not_fit_is_said_and_not_saved(world: World, changed: dict[str, object]) -> None:
    browser = await signed_in(world)
    answer = await browser.post("/settings/profile", {**PROFILE, **changed})
    assert answer.status_code == 422
    assert 'data-level="error"' in answer.text
    assert await world.sql("SELECT count(*) FROM profiles") == [(0,)]


async def test_the_profile_of_somebody_new_is_filled_from_the_account(world: World) -> None:
    await world.add(EMAIL)
    profile, resume = await profile_of(world)
    assert profile.email == EMAIL
    assert resume is None
    async with world.database.read() as session:
        assert await load_profile(session, uuid7()) is None


@pytest.mark.parametrize(
    ("content", "media_type", "name"),
    [
        (PDF, "application/pdf", "cv.pdf"),
        (WORD, DOCX, "cv.docx"),
        (OPEN, ODT, "cv.odt"),
        ("Ada Lovelace\r\n\tEngineer é".encode(), "text/plain", "cv.txt"),
    ],
)
def test_a_resumes_type_is_read_off_its_content(content: bytes, media_type: str, name: str) -> None:
    assert document("cv.html", content) == document(name, content)
    assert document("cv.html", content).media_type == media_type
    assert document("cv.html", content).name == name


@pytest.mark.parametrize(
    "content",
    [b"", b"  \n", b"MZ\x90\x00", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04 broken", zipped(a="b"), b"\xff\xfe\x00"],
)
def test_anything_else_is_no_resume(content: bytes) -> None:
    with pytest.raises(Invalid):
        document("cv.pdf", content)


CASES = Path(__file__).parents[1] / "postings" / "cases"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("resume.rtf", "This is an RTF file."),
        ("resume.html", "This is a web page."),
        ("resume-jsonresume.json", "This is data in JSON."),
        ("resume-stub.pdf", "This PDF is incomplete"),
    ],
)
def test_a_file_that_employers_cannot_read_is_refused_by_its_name(name: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        document(name, (CASES / name).read_bytes())


def test_an_old_word_document_is_refused_by_its_name() -> None:
    with pytest.raises(Invalid, match=r"old Word document \(\.doc\)"):
        document("cv.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(4096, b"\0"))


@pytest.mark.parametrize("name", ["resume-latin1.txt", "resume-utf16.txt"])
def test_a_text_in_another_encoding_becomes_utf_8(name: str) -> None:
    kept = document(name, (CASES / name).read_bytes())
    assert kept.media_type == "text/plain"
    assert not kept.content.decode("utf-8").isascii()


def test_a_document_of_word_online_is_accepted() -> None:
    assert document("cv.docx", (CASES / "resume-word-online.docx").read_bytes()).media_type == DOCX


@pytest.mark.parametrize("what", ["protected", "truncated"])
async def test_a_pdf_that_may_not_open_is_kept_with_a_warning(world: World, what: str) -> None:
    browser = await signed_in(world)
    whole = PDF + b" " * 4096 + b"endobj\n%%EOF"
    await browser.post("/settings/profile", PROFILE, files={"resume": ("cv.pdf", whole)})
    assert not elements(await browser.get("/settings"), role="status", data_level="warning")
    content = (CASES / "resume-encrypted.pdf").read_bytes() if what == "protected" else whole[:-20]
    await browser.post("/settings/profile", PROFILE, files={"resume": ("cv.pdf", content)})
    assert elements(await browser.get("/settings"), role="status", data_level="warning")


def test_a_resume_of_more_than_five_megabytes_is_refused() -> None:
    assert document("cv.pdf", PDF.ljust(MOST_BYTES, b" "))
    with pytest.raises(Invalid, match="too large"):
        document("cv.pdf", PDF.ljust(MOST_BYTES + 1, b" "))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\temp\\cv.pdf", "cv.pdf"),
        ('a"b\r\nX: y.pdf', "a b X y.pdf"),
        ("résumé.final.pdf", "résumé.final.pdf"),
        ("...", "resume.pdf"),
    ],
)
def test_a_resumes_name_is_made_harmless(given: str, kept: str) -> None:
    assert document(given, PDF).name == kept


def test_a_letter_is_filled_and_lines_left_empty_by_that_are_dropped() -> None:
    values = {"company": "Acme {title}", "title": "Cook", "name": "Ada"}
    assert cover_letter.fill("Dear {company},\n\n{title}\n{phone}\n{name}", values) == "Dear Acme {title},\n\nCook\nAda"


@pytest.mark.parametrize("template", ["{", "}", "{company", "{}", "{company.x}", "{0}", "{{company}}"])
def test_a_template_with_stray_braces_is_refused(template: str) -> None:
    with pytest.raises(Invalid):
        cover_letter.check(template)


def test_the_standard_letter_is_a_good_one() -> None:
    cover_letter.check(cover_letter.DEFAULT)


def test_browsers_are_recognised() -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
    assert browser_name(firefox) == "Firefox on Linux"
    assert browser_name("") == "Unknown browser"


async def test_times_are_shown_in_the_zone_one_has_chosen_and_an_unknown_one_is_refused(world: World) -> None:
    browser = await signed_in(world)
    assert (await browser.post("/settings/time-zone", {"time_zone": "Asia/Kathmandu"})).status_code == 303
    page = await browser.get("/settings")
    assert '<option value="Asia/Kathmandu" selected>' in page.text
    assert "+0545</time>" in page.text
    assert (await browser.post("/settings/time-zone", {"time_zone": "Mars/Olympus"})).status_code == 422
    assert await world.sql("SELECT time_zone FROM users") == [("Asia/Kathmandu",)]
    assert (await browser.post("/settings/time-zone", {"time_zone": ""})).status_code == 303
    assert await world.sql("SELECT time_zone FROM users") == [(None,)]


async def test_single_keys_are_switched_off_and_on_for_all_pages(world: World) -> None:
    browser = await signed_in(world)
    assert "js/shortcuts" in (await browser.get("/settings")).text
    assert (await browser.post("/settings/keyboard", {})).status_code == 303
    page = await browser.get("/settings")
    assert "js/shortcuts" not in page.text
    assert elements(page, data_level="success")
    assert not elements(page, name="shortcuts", checked=True)
    assert (await browser.post("/settings/keyboard", {"shortcuts": "true"})).status_code == 303
    assert "js/shortcuts" in (await browser.get("/settings")).text


async def test_one_can_sign_out_from_a_page_that_sends_no_referrer(world: World) -> None:
    browser = await signed_in(world)
    # As older browsers send it, and all of them where there is no https.
    answer = await browser.post("/logout", {}, headers={"Origin": "null"})
    assert answer.status_code == 303
    assert not await browser.signed_in()


async def test_another_site_cannot_sign_one_out(world: World) -> None:
    browser = await signed_in(world)
    forged = {"_csrf_token": "A" * 43}
    assert (await browser.post("/logout", forged, headers={"Origin": "null"})).status_code == 403
    away = {"Origin": "null", "Sec-Fetch-Site": "cross-site"}
    assert (await browser.post("/logout", {}, headers=away)).status_code == 403
    assert await browser.signed_in()


async def test_a_person_is_told_of_a_new_token_by_email_and_the_email_does_not_hold_it(world: World) -> None:
    user = await world.add("ada@example.com")
    async with world.database.write("system") as session:
        token = await create_token(session, user.id, name="Nightly\nBcc", scopes=[Scope.TASKS_READ])
    [sent] = await world.mails()
    assert (sent["template"], sent["to"]) == ("token_created", "ada@example.com")
    async with world.database.write("system") as session:
        data = letter_data("token_created", sent["data"])
        values = await find_letter("token_created").prepare(session, data, world.settings)
    message = render("token_created", values, to=sent["to"], task_id=uuid7(), settings=world.settings)
    body = message.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert message["subject"].startswith("New API token")
    assert "Nightly Bcc" in text and token[:9] in text and "tasks:read" in text and "/settings/tokens" in text
    assert token not in message.as_string()
    async with world.database.write("system") as session:
        await session.execute(sql("DELETE FROM api_tokens"))
        with pytest.raises(NotNeeded):
            await find_letter("token_created").prepare(session, data, world.settings)


async def test_what_is_too_long_for_a_profile_is_not_kept_in_it(world: World) -> None:
    browser = await signed_in(world)
    user_id = (await world.sql("SELECT id FROM users"))[0][0]
    async with world.database.write("system") as session:
        await remember_answers(session, user_id, {"Why us?": "x" * 5_001, "Notice period": "a month"})
    assert (await profile_of(world))[0].answers == {"Notice period": "a month"}
    refused = await browser.post("/settings/profile", {**PROFILE, "links": f"https://a.example/{'x' * 500}"})
    assert refused.status_code == 422 and elements(refused, id="f-links-error")


async def test_several_resumes_are_kept_and_one_is_the_usual(world: World) -> None:
    browser = await signed_in(world)
    await world.add("other@example.org")
    other = await world.sign_in("other@example.org")
    for name in ("one.pdf", "two.pdf"):
        await browser.post("/settings/resumes", {}, files={"resume": (name, PDF + name.encode())})

    def kept(page: httpx.Response) -> list[str]:
        return [
            each["href"] for each in elements(page, "a", **{"class": "wrap-anywhere"}) if "/resumes/" in each["href"]
        ]

    first, second = kept(await browser.get("/settings"))
    assert (await browser.get("/settings/resume")).content == PDF + b"one.pdf"
    assert (await other.get(second)).status_code == 404
    assert (await other.post(f"{second}/use")).status_code == 404
    await browser.post(f"{second}/use")
    assert (await browser.get("/settings/resume")).content == PDF + b"two.pdf"
    await browser.post(f"{second}/remove")
    assert (await browser.get("/settings/resume")).content == PDF + b"one.pdf"
    assert kept(await browser.get("/settings")) == [first]


async def test_of_two_resumes_added_at_once_one_is_the_usual_and_without_it_the_other(world: World) -> None:
    browser = await signed_in(world)
    user_id = (await world.sql("SELECT id FROM users"))[0][0]
    pid: asyncio.Future[int] = asyncio.Future()

    async def add_another() -> None:
        async with world.database.write("system") as session:
            pid.set_result(await impatient(session))
            await add_resume(session, user_id, document("two.pdf", PDF + b"two"))

    async with world.database.write("system") as session:
        await add_resume(session, user_id, document("one.pdf", PDF + b"one"))
        job = asyncio.create_task(add_another())
        await until_it_waits(world.database, await pid, job)
    await job
    assert (await browser.get("/settings/resume")).content == PDF + b"one"
    assert (await browser.post("/settings/resume/remove")).status_code == 303
    assert (await browser.get("/settings/resume")).content == PDF + b"two"


async def test_a_json_resume_fills_the_profile_and_is_not_kept(world: World) -> None:
    browser = await signed_in(world)
    content = (CASES / "resume-jsonresume.json").read_bytes()
    await browser.post("/settings/resumes", {}, files={"resume": ("resume.json", content)})
    profile, resume = await profile_of(world)
    basics = msgspec.json.decode(content)["basics"]
    assert (profile.name, profile.email, profile.phone) == (basics["name"], basics["email"], basics["phone"])
    assert resume is None
