"""Sites that answer in other ways than ours: what counts as sent, what as refused, and when a person has to look."""

import json

import pytest

from holdgate.kinds.application.by_hand import NOT_SENT, SENT
from holdgate.testing import KindTester
from tests.kinds.applying import Applicant
from tests.kinds.odd_site import data, odd_site, page, redirect

THANKS = page("<h1>Thank you</h1>")
SIGN_IN = page('<form><input name="user"><INPUT class="x" TYPE=password></form>')


@pytest.mark.parametrize(
    ("answer", "receipt"),
    [
        (data('{"receipt": "R-1"}'), "R-1"),
        (data('{"applicationId": "0a1b"}'), "0a1b"),
        (data('{"id": 4711, "ok": true}', "201 Created"), "4711"),
        (data('{"success": "Candidate saved successfully"}'), ""),
        (page("", "201 Created"), ""),
        (data('{"id": "x\\u0000y", "received_at": "tomorrow"}'), "xy"),
        (data('{"id": "A", "received_at": "0001-01-01T00:00:00+14:00"}'), "A"),
    ],
)
async def test_an_answer_that_says_it_was_taken_is_a_receipt(
    ada: Applicant, tester: KindTester, answer: str, receipt: str
) -> None:
    async with odd_site(answer) as site:
        task_id = await ada.approved("taken", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "succeeded"
    assert (await tester.result(task_id))["receipt"] == receipt
    assert (await tester.result(task_id))["sent_at"]


async def test_a_page_without_a_receipt_is_looked_at_by_a_person_who_says_that_it_arrived(
    ada: Applicant, tester: KindTester
) -> None:
    async with odd_site(redirect("/thanks"), THANKS) as site:
        task_id = await ada.approved("thanks", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "needs_input"
        question = await tester.question(task_id)
        assert question.title == "Has Gantry & Rail received your application for Engineer?"
        await tester.decide(task_id, form={"arrived": "yes"})
        assert await tester.run(task_id) == "succeeded"
        assert site.lines == ["POST /apply", "GET /thanks"]
    assert (await ada.posting_of(task_id)).applied_task_id == task_id


@pytest.mark.parametrize("status", ["404 Not found", "422 Odd", "500 Oops", "429 Slow down"])
async def test_a_page_that_fails_after_a_redirect_says_nothing_about_the_application(
    ada: Applicant, tester: KindTester, status: str
) -> None:
    async with odd_site(redirect("/thanks"), page("", status)) as site:
        task_id = await ada.approved("broken-thanks", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "needs_input"
        assert site.lines == ["POST /apply", "GET /thanks"]


async def test_one_that_did_not_arrive_is_a_dead_letter_and_asks_anew_when_retried(
    ada: Applicant, tester: KindTester
) -> None:
    async with odd_site(THANKS, data('{"receipt": "R-2"}')) as site:
        task_id = await ada.approved("lost", apply_url=f"{site.url}/apply")
        await tester.run(task_id)
        await tester.decide(task_id, form={"arrived": "no"})
        assert await tester.run(task_id) == "dead_letter"
        assert (await ada.posting_of(task_id)).applied_at is None
        await tester.act(task_id, "retry")
        assert await tester.run(task_id) == "pending_approval"
        await tester.decide(task_id)
        assert await tester.run(task_id) == "succeeded"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"errors": [{"field": "email", "message": "Not an address."}]}', "email: Not an address."),
        (
            '{"errors": {"phone": ["Too short.", "Odd."], "name": "Missing."}}',
            "phone: Too short.; phone: Odd.; name: Mi",
        ),
        ('{"detail": "Closed  since\\nMay."}', "Closed since May."),
        ('{"message": "Closed."}', "Closed."),
        ('{"error": "Closed."}', "Closed."),
        ("<h1>Bad request</h1>", "no reason"),
        ('{"errors": 7}', "no reason"),
        ("[" * 5000, "no reason"),
    ],
)
async def test_a_refusal_is_told_in_the_sites_words(ada: Applicant, tester: KindTester, body: str, said: str) -> None:
    async with odd_site(data(body, "400 Bad Request")) as site:
        task_id = await ada.approved("refusing", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "dead_letter"
    assert f"127.0.0.1 refused the application (400): {said}" in str((await tester.task(task_id)).reason)


@pytest.mark.parametrize("status", ["408 Timeout", "425 Too early", "429 Slow down", "503 Down for now"])
async def test_a_site_that_takes_nothing_for_now_is_tried_again_with_the_same_bytes(
    ada: Applicant, tester: KindTester, status: str
) -> None:
    async with odd_site(page("later", status), data('{"receipt": "R-3"}')) as site:
        task_id = await ada.approved("busy", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "retrying"
        assert await tester.finish(task_id) == "succeeded"
        first, second = [body.split(b"\r\n", 1) for _, body in site.asked]
    # All but the boundary, which is random.
    assert first[1].replace(first[0], b"") == second[1].replace(second[0], b"")


UNKNOWN = {
    "cut off": "",
    "conflict": data('{"detail": "You have already applied"}', "409 Conflict"),
    "error": page("", "500 Oops"),
    "gateway": page("", "502 Bad gateway"),
    "endless": page("x" * 3_000_000),
}


@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN)
async def test_an_application_whose_answer_is_lost_is_not_sent_again_and_a_person_is_asked(
    ada: Applicant, tester: KindTester, answer: str
) -> None:
    async with odd_site(answer) as site:
        task_id = await ada.approved("lost", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "needs_input"
        question = await tester.question(task_id)
        assert question.title == "Has Gantry & Rail received your application for Engineer?"
        await tester.decide(task_id, form={"arrived": "yes"})
        assert await tester.finish(task_id) == "succeeded"
        assert site.lines == ["POST /apply"]
    assert (await ada.posting_of(task_id)).applied_task_id == task_id


async def test_what_the_site_says_is_shown_to_the_person_who_is_asked(ada: Applicant, tester: KindTester) -> None:
    async with odd_site(UNKNOWN["conflict"]) as site:
        task_id = await ada.approved("twice", apply_url=f"{site.url}/apply")
        await tester.run(task_id)
    assert "You have already applied" in (await tester.question(task_id)).shown["Problem"]


@pytest.mark.parametrize("answer", ["", page("", "502 Bad gateway", "Accept-Idempotency-Key: ?1")])
async def test_a_site_that_keeps_keys_gets_the_same_again(ada: Applicant, tester: KindTester, answer: str) -> None:
    async with odd_site(answer, data('{"receipt": "R-6"}')) as site:
        site.keeps_keys = True
        task_id = await ada.approved("keeps", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "retrying"
        assert await tester.finish(task_id) == "succeeded"
        assert site.lines == ["POST /apply"] * 2


async def test_a_redirect_that_leads_nowhere_says_nothing_about_the_application(
    ada: Applicant, tester: KindTester
) -> None:
    async with odd_site(redirect("http://127.0.0.1:9/thanks")) as site:
        task_id = await ada.approved("nowhere", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "needs_input"
        assert site.lines == ["POST /apply"]


async def test_a_site_that_cannot_be_reached_has_nothing_and_is_tried_again(ada: Applicant, tester: KindTester) -> None:
    async with odd_site(data('{"receipt": "R-7"}')) as site:
        task_id = await ada.approved("away", apply_url="http://127.0.0.1:9/apply")
        assert await tester.run(task_id) == "retrying"
        assert site.asked == []


async def test_a_no_in_a_friendly_answer_is_a_refusal_in_the_sites_words(ada: Applicant, tester: KindTester) -> None:
    async with odd_site(data('{"success": false, "errors": {"phone": ["is no number"]}}')) as site:
        task_id = await ada.approved("friendly", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "dead_letter"
    assert "phone: is no number" in str((await tester.task(task_id)).reason)


@pytest.mark.parametrize(("choice", "end"), [(SENT, "succeeded"), (NOT_SENT, "dead_letter")])
async def test_after_two_sign_ins_in_vain_the_application_is_handed_over(
    ada: Applicant, tester: KindTester, choice: str, end: str
) -> None:
    async with odd_site(SIGN_IN) as site:
        task_id = await ada.approved("wall", apply_url=f"{site.url}/apply")
        for _ in range(2):
            assert await tester.run(task_id) == "needs_auth"
            await tester.decide(task_id)
        assert await tester.run(task_id) == "needs_input"
        assert (await tester.question(task_id)).step == "hand-off-1"
        await tester.decide(task_id, form={"next": choice})
        assert await tester.run(task_id) == end
        assert len(site.asked) == 3


WALLS = {
    "cloudflare": page("<title>Just a moment...</title>", "403 Forbidden", "Cf-Mitigated: challenge"),
    "in a 200": page("", "200 OK", "x-amzn-waf-action: captcha"),
    "datadome": page("", "403 Forbidden", "X-DataDome: protected"),
    "captcha": page('<div class="g-recaptcha"></div>', "403 Forbidden"),
    "busy": page("<p>Please verify that you are a human.</p>", "429 Too many requests"),
    "down": page('<script src="https://challenges.example/cf-turnstile.js"></script>', "503 Unavailable"),
}


@pytest.mark.parametrize("answer", WALLS.values(), ids=WALLS)
async def test_a_wall_against_programs_is_no_sign_in_and_is_asked_once(
    ada: Applicant, tester: KindTester, answer: str
) -> None:
    async with odd_site(answer) as site:
        task_id = await ada.approved("bots", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "needs_input"
        question = await tester.question(task_id)
        assert question.step == "hand-off-1" and "a person is asking" in question.told["Why by hand"]
        assert site.lines == ["POST /apply"]


@pytest.mark.parametrize(("status", "end"), [("201 Created", "succeeded"), ("422 Unprocessable", "dead_letter")])
async def test_an_answer_from_behind_a_guard_is_the_sites(
    ada: Applicant, tester: KindTester, status: str, end: str
) -> None:
    async with odd_site(data('{"receipt": "R1"}', f"{status}\nX-DataDome: protected")) as site:
        task_id = await ada.approved("guarded", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == end


async def test_a_sign_in_page_with_a_captcha_is_a_wish_for_a_sign_in(ada: Applicant, tester: KindTester) -> None:
    login = page('<input type="password"><div class="g-recaptcha"></div>', "403 Forbidden")
    async with odd_site(login) as site:
        task_id = await ada.approved("both", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "needs_auth"


TAKEN_BEFORE = {
    "422": data('{"errors": {"email": "You have already applied for this job."}}', "422 Unprocessable"),
    "400": data('{"detail": "Duplicate application"}', "400 Bad request"),
    "german": data('{"message": "Sie haben sich bereits auf diese Stelle beworben."}', "422 Unprocessable"),
    "200": data('{"success": false, "error": "Already submitted"}'),
    "409 of one that keeps keys": data(
        '{"detail": "Application already received"}', "409 Conflict\nAccept-Idempotency-Key: ?1"
    ),
}


@pytest.mark.parametrize("answer", TAKEN_BEFORE.values(), ids=TAKEN_BEFORE)
async def test_a_site_that_says_it_has_the_application_already_is_looked_at_by_a_person(
    ada: Applicant, tester: KindTester, answer: str
) -> None:
    async with odd_site(answer) as site:
        task_id = await ada.approved("before", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "needs_input"
        assert (await tester.question(task_id)).step == "arrived-1"
        await tester.decide(task_id, form={"arrived": "yes"})
        assert await tester.run(task_id) == "succeeded"
        assert site.lines == ["POST /apply"]


async def test_a_sign_in_page_in_place_of_an_answer_is_a_wish_for_a_sign_in(ada: Applicant, tester: KindTester) -> None:
    async with odd_site(SIGN_IN, data('{"receipt": "R-4"}')) as site:
        task_id = await ada.approved("in-place", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "needs_auth"
        assert (await tester.question(task_id)).shown == {"url": f"{site.url}/apply"}
        await tester.decide(task_id)
        assert await tester.run(task_id) == "succeeded"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://x/", "//evil", "http://u:p@x/", 7])
async def test_a_sign_in_address_that_no_browser_should_open_is_not_shown(
    ada: Applicant, tester: KindTester, url: object
) -> None:
    async with odd_site(data(json.dumps({"login_url": url}), "401 Unauthorized")) as site:
        task_id = await ada.approved("bad-login", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "needs_auth"
        assert (await tester.question(task_id)).shown == {"url": f"{site.url}/apply"}


async def test_a_form_that_has_moved_within_its_host_gets_the_application_there(
    ada: Applicant, tester: KindTester
) -> None:
    async with odd_site(redirect("/new", "308 Permanent Redirect"), data('{"receipt": "R-5"}')) as site:
        task_id = await ada.approved("moved", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "succeeded"
        assert site.lines == ["POST /apply", "POST /new"]
        assert b"Ada Lovelace" in site.asked[1][1]


@pytest.mark.parametrize("status", ["307 Temporary Redirect", "308 Permanent Redirect"])
@pytest.mark.parametrize("change", [("127.0.0.1", "localhost"), ("", ""), ("http://", "https://")])
async def test_a_form_that_has_moved_to_another_server_gets_nothing(
    ada: Applicant, tester: KindTester, change: tuple[str, str], status: str
) -> None:
    """Another host, another port of the same host, another scheme."""
    async with odd_site(THANKS) as other, odd_site() as site:
        there = other.url.replace(*change)
        site.answers = [redirect(f"{there}/apply", status)]
        task_id = await ada.approved("moved-away", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "dead_letter"
        assert f"{there}, which nobody has approved" in str((await tester.task(task_id)).reason)
        assert other.asked == []


async def test_a_site_that_redirects_for_ever_is_left(ada: Applicant, tester: KindTester) -> None:
    async with odd_site(redirect("/round")) as site:
        task_id = await ada.approved("round", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "needs_input"
        assert len(site.asked) == 4


async def test_an_endless_answer_is_not_taken(ada: Applicant, tester: KindTester) -> None:
    async with odd_site(page("x" * 3_000_000)) as site:
        task_id = await ada.approved("endless", apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "needs_input"
    assert "more than" in (await tester.question(task_id)).shown["Problem"]
