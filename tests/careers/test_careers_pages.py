import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from tests.careers.careers_site import APPLICATION, PDF, Site
from tests.elements import elements, invalid, texts

_BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
_TEMPLATES = Path(__file__).parents[2] / "app" / "sandbox" / "careers" / "templates"


class _Form(HTMLParser):
    """The page's form: where it goes, how, its fields and the values they begin with."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.form: dict[str, str | None] = {}
        self.values: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.form = found
        elif tag in ("input", "textarea", "select"):
            self.values[found["name"] or ""] = found.get("value") or ""


def _fill_in(site: Site, slug: str, **answers: str) -> httpx.Response:
    """What a browser sends after somebody filled in the job's form."""
    form = _Form(site.client.get(f"/jobs/{slug}", headers=_BROWSER).text)
    assert form.form["method"] == "post"
    assert form.form["enctype"] == "multipart/form-data"
    filled = {**form.values, **APPLICATION, **answers}
    del filled["resume"]
    files = {"resume": ("cv.pdf", PDF, "application/pdf")}
    return site.client.post(str(form.form["action"]), data=filled, files=files, headers=_BROWSER)


def test_the_site_says_when_it_is_up(site: Site) -> None:
    assert site.client.get("/healthz").text == "ok"


def test_the_list_of_jobs_shows_samples_and_jobs_that_were_applied_to(site: Site) -> None:
    site.apply("zookeeper").raise_for_status()
    page = site.client.get("/").text

    assert '<a href="/jobs/backend-developer">Backend developer</a>' in page
    assert '<a href="/jobs/zookeeper">Zookeeper</a>' in page
    assert any("1" in said.split() for said in texts(page, data_received=True))  # other tests apply here, too


def test_a_person_applies_with_the_form_and_is_thanked(site: Site) -> None:
    response = _fill_in(site, "by-hand-q", **{"answers[work_permit]": "yes"})

    assert response.status_code == 201
    [recorded] = site.received("by-hand-q")
    assert recorded["answers"] == {"work_permit": "yes"}
    assert "Ada Lovelace" in texts(response.text, "h1")[0]
    assert recorded["receipt"] in response.text


def test_pressing_send_twice_applies_once(site: Site) -> None:
    page = site.client.get("/jobs/impatient").text
    form_id = _Form(page).values["form_id"]
    first, second = (site.apply("impatient", form_id=form_id, headers=_BROWSER) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 200)
    assert len(site.received("impatient")) == 1


def test_a_form_that_was_used_up_can_be_sent_again_on_purpose(site: Site) -> None:
    form_id = _Form(site.client.get("/jobs/second-thoughts").text).values["form_id"]
    site.apply("second-thoughts", form_id=form_id, headers=_BROWSER).raise_for_status()
    refused = site.apply("second-thoughts", form_id=form_id, cover_letter="Better", headers=_BROWSER)
    assert refused.status_code == 422
    assert "already applied" in refused.text

    new_id = _Form(refused.text).values["form_id"]
    response = site.apply("second-thoughts", form_id=new_id, cover_letter="Better", headers=_BROWSER)
    assert response.status_code == 201


def test_a_wrong_form_comes_back_filled_in_with_what_is_wrong(site: Site) -> None:
    response = _fill_in(site, "corrections", email="nonsense", cover_letter="<b>Dear</b> all")

    assert response.status_code == 422
    assert 'value="nonsense"' in response.text
    assert "&lt;b&gt;Dear&lt;/b&gt; all</textarea>" in response.text
    assert invalid(response.text)["email"]


def test_a_person_is_sent_to_sign_in_and_back_to_the_form(own_site: Site) -> None:
    refused = own_site.apply("members-only", headers=_BROWSER)
    assert refused.status_code == 401
    assert f'href="{own_site.url}/login?job=members-only"' in refused.text

    form = _Form(own_site.client.get("/login?job=members-only").text)
    assert set(form.values) == {"job", "email", "password"}
    filled = {**form.values, "email": APPLICATION["email"], "password": "secret"}
    signed_in = own_site.client.post("/login", data=filled, headers=_BROWSER)

    assert signed_in.status_code == 303
    assert signed_in.headers["Location"] == "/jobs/members-only/apply"
    cookie = signed_in.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert _Form(own_site.client.get("/jobs/members-only/apply").text).values["email"] == APPLICATION["email"]
    assert own_site.apply("members-only", headers=_BROWSER).status_code == 201


def test_signing_out_ends_it(own_site: Site) -> None:
    own_site.sign_in(APPLICATION["email"])
    assert APPLICATION["email"] in own_site.client.get("/login").text

    assert own_site.client.post("/logout").status_code == 303

    assert APPLICATION["email"] not in own_site.client.get("/login").text
    assert own_site.apply("members-signed-out").status_code == 401


def test_signing_in_needs_an_email_address_and_goes_nowhere_else(site: Site) -> None:
    refused = site.client.post("/login", data={"email": "nobody"}, headers=_BROWSER)
    assert refused.status_code == 422
    assert "email" in invalid(refused.text)
    elsewhere = site.client.post("/login", data={"email": "eve@example.org", "job": "//evil.example"})
    assert elsewhere.headers["Location"] == "/login"


def test_received_applications_are_listed_without_becoming_markup(site: Site) -> None:
    site.apply("markup", name="<script>alert(1)</script>", cover_letter="Two\nlines").raise_for_status()
    page = site.client.get("/applications").text

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "Two\nlines" in page


def test_received_applications_can_be_cleared(own_site: Site) -> None:
    own_site.apply("cleared", "key-cleared").raise_for_status()
    assert own_site.client.delete("/applications").status_code == 204

    assert own_site.client.get("/applications.json").json() == []
    assert "Nothing yet." in own_site.client.get("/applications").text
    assert own_site.apply("cleared", "key-cleared").status_code == 201


@pytest.mark.parametrize("accept", ["text/html;q=inf", ";;;", "nonsense", "*/*"])
def test_an_unknown_address_is_a_clear_404(site: Site, accept: str) -> None:
    page = site.client.get("/nowhere", headers=_BROWSER)
    assert page.status_code == 404
    assert elements(page.text, "h1")

    response = site.client.get("/nowhere", headers={"Accept": accept})
    assert response.status_code == 404
    assert response.json() == {"detail": "There is nothing at this address."}


@pytest.mark.parametrize("path", ["/", "/jobs/styled", "/login", "/applications", "/careers.css", "/nowhere"])
def test_everything_carries_a_policy_that_allows_no_script(site: Site, path: str) -> None:
    policy = site.client.get(path).headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "script-src" not in policy


def test_no_template_holds_scripts_or_inline_styles() -> None:
    for template in _TEMPLATES.glob("*.html"):
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|\|safe", template.read_text()), template.name
