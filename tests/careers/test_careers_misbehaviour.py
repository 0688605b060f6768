from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.careers.careers_site import Site


def test_fail_answers_with_its_status_as_often_as_told(site: Site) -> None:
    site.order("fails", mode="fail", times=2, status=502)

    assert [site.apply("fails").status_code for _ in range(3)] == [502, 502, 201]


def test_an_order_without_times_holds_until_it_is_reset(site: Site) -> None:
    site.order("fails-for-long", mode="fail")
    assert [site.apply("fails-for-long").status_code for _ in range(4)] == [503] * 4

    site.reset("fails-for-long")
    assert site.apply("fails-for-long").status_code == 201


def test_reject_is_a_validation_problem_that_no_correction_cures(site: Site) -> None:
    site.order("closed", mode="reject")
    response = site.apply("closed")

    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["job"]
    assert site.received("closed") == []


def test_forbidden_answers_403(site: Site) -> None:
    site.order("forbidden", mode="forbidden")

    assert site.apply("forbidden").status_code == 403


def test_rate_limit_answers_429_and_says_when_to_come_back(site: Site) -> None:
    site.order("crowded", mode="rate-limit", times=1, seconds=1.2)
    response = site.apply("crowded")

    assert response.status_code == 429
    assert response.headers["Retry-After"] == "2"
    assert site.apply("crowded").status_code == 201


def test_slow_answers_after_its_seconds_and_others_need_not_wait(site: Site) -> None:
    site.order("sluggish", mode="slow", seconds=1.5)

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(site.apply, "sluggish")
        assert site.apply("brisk").status_code == 201
        assert not slow.done()
    assert slow.result().elapsed.total_seconds() >= 1.5


def test_a_client_that_gives_up_on_a_slow_answer_gets_it_with_the_same_key(own_site: Site) -> None:
    own_site.order("patience", mode="slow", seconds=0.5, times=1)
    own_site.client.timeout = httpx.Timeout(30, read=0.2)
    with pytest.raises(httpx.ReadTimeout):
        own_site.apply("patience", "key-patience")

    own_site.client.timeout = httpx.Timeout(30)
    response = own_site.apply("patience", "key-patience")
    both = (own_site.received("patience") for _ in range(5000))
    [recorded] = next(found for found in both if found and found[0]["count_of_posts"] == 2)
    assert recorded["receipt"] == response.json()["receipt"]


def test_sign_in_lets_an_applicant_pass_once_they_signed_in(site: Site) -> None:
    site.order("members", mode="sign-in")
    refused = site.apply("members", email="mia@example.org")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"]
    assert refused.json()["login_url"] == f"{site.url}/login?job=members"

    assert site.sign_in("Mia@Example.org").status_code == 303

    assert site.apply("members", email="mia@example.org").status_code == 201
    assert site.apply("members", email="noah@example.org").status_code == 401


def test_login_page_redirects_to_a_page_that_looks_like_success(site: Site) -> None:
    site.order("walled", mode="login-page")
    redirect = site.apply("walled")
    assert redirect.status_code == 302

    page = site.client.get(redirect.headers["Location"])
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert 'type="password"' in page.text
    assert site.received("walled") == []


def test_drop_records_the_application_and_hangs_up(site: Site) -> None:
    site.order("dropped", mode="drop", times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        site.apply("dropped", "key-dropped")
    [recorded] = site.received("dropped")

    again = site.apply("dropped", "key-dropped")
    assert again.status_code == 200
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["receipt"] == recorded["receipt"]
    assert len(site.received("dropped")) == 1


def test_an_order_for_all_jobs_gives_way_to_one_for_a_job(own_site: Site) -> None:
    own_site.order("*", mode="fail", times=2)
    own_site.order("exempt", mode="ok")

    assert own_site.apply("exempt").status_code == 201
    assert own_site.apply("one").status_code == 503
    assert own_site.apply("two").status_code == 503
    assert own_site.apply("three").status_code == 201


def test_resetting_all_jobs_forgets_every_order_and_signs_everybody_out(own_site: Site) -> None:
    own_site.order("*", mode="fail")
    own_site.order("one", mode="forbidden")
    own_site.sign_in("mia@example.org")

    own_site.reset("*")

    assert own_site.apply("one").status_code == 201
    assert own_site.apply("two").status_code == 201
    assert own_site.apply("members-three", email="mia@example.org").status_code == 401


def test_the_order_in_force_can_be_read(site: Site) -> None:
    site.order("readable", mode="fail", times=2, status=500)
    site.apply("readable")

    order = site.client.get("/_control/readable").json()
    assert order == {"mode": "fail", "times": 1, "seconds": 3.0, "status": 500, "questions": None}
    assert site.client.get("/_control/members-readable").json()["mode"] == "sign-in"


@pytest.mark.parametrize(
    "order",
    [
        {"mode": "explode"},
        {"mode": "fail", "status": 200},
        {"mode": "fail", "times": -1},
        {"mode": "slow", "seconds": -1},
        {"mood": "ok"},
        [],
    ],
    ids=str,
)
def test_an_order_that_makes_no_sense_is_refused_and_changes_nothing(site: Site, order: object) -> None:
    response = site.client.post("/_control/senseless", json=order)

    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["order"]
    assert site.apply("senseless").status_code == 201


def test_an_order_that_is_not_json_or_for_no_job_is_refused(site: Site) -> None:
    assert site.client.post("/_control/not-json", content=b"{").status_code == 400
    assert site.client.post("/_control/NO_JOB", json={}).status_code == 404
    assert site.client.delete("/_control/NO_JOB").status_code == 404


def test_a_flaky_job_fails_twice_for_each_key(site: Site) -> None:
    for key in ("key-flaky-1", "key-flaky-2"):
        tries = [site.apply("flaky-engineer", key).status_code for _ in range(4)]
        assert tries == [503, 503, 201, 200]


def test_a_flaky_job_knows_a_keyless_application_by_its_content(site: Site) -> None:
    tries = [site.apply("flaky-keyless", name="Bea").status_code for _ in range(4)]

    assert tries == [503, 503, 201, 201]


def test_a_flaky_job_starts_over_when_it_is_reset(site: Site) -> None:
    assert [site.apply("flaky-again", "key-again").status_code for _ in range(3)] == [503, 503, 201]
    site.reset("flaky-again")
    assert [site.apply("flaky-again", "key-again").status_code for _ in range(3)] == [503, 503, 200]


@pytest.mark.slow
def test_a_slow_job_takes_three_seconds(site: Site) -> None:
    response = site.apply("slow-writer")

    assert response.status_code == 201
    assert response.elapsed.total_seconds() >= 3


def test_a_members_job_wants_the_applicant_signed_in(site: Site) -> None:
    assert site.apply("members-designer", email="olga@example.org").status_code == 401
    site.sign_in("olga@example.org")
    assert site.apply("members-designer", email="olga@example.org").status_code == 201


def test_an_order_takes_the_place_of_what_the_slug_says(site: Site) -> None:
    site.order("flaky-but-told-ok", mode="ok")

    assert site.apply("flaky-but-told-ok").status_code == 201


def test_looking_is_never_refused(site: Site) -> None:
    site.order("only-posts", mode="fail")

    for path in ("/jobs/only-posts", "/jobs/only-posts/apply", "/jobs/only-posts.json"):
        assert site.client.get(path).status_code == 200
