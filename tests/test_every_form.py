"""Every form of every page is one that a browser without scripts can send, and the site takes it."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from urllib.parse import urlsplit

import httpx
import pytest

from holdgate.asgi import HANDLERS
from holdgate.core.db import Database
from tests.factories.installation import Full, full_installation
from tests.factories.people import Browser, words
from tests.factories.site import site_of, stranger
from tests.pages import OPEN, PAGES, routes
from tests.servers import Servers

DIALOGS = {"dialog"}  # they only close the dialog that a script has opened
Kind = tuple[str, str, tuple[str, ...]]


@dataclass
class Found:
    """A form as it stands in a page: `fields` hold what it would send if nobody touched it."""

    page: str
    method: str
    action: str
    enctype: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    nameless: list[str] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)  # that send it

    def __str__(self) -> str:
        return f"{self.page}: {self.method.upper()} {self.action}"

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.sent}

    @property
    def sent(self) -> list[tuple[str, str]]:
        """When its last button is pressed: the one that does it, where another one searches."""
        return self.fields + [(name, value) for name, value in self.buttons[-1:] if name]


class Forms(HTMLParser):
    """The forms of a page, with the controls that stand elsewhere and name them by `form=`."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.found: list[Found] = []
        self.outside: list[str] = []  # controls that belong to no form, which only a script could send
        self._open: Found | None = None
        self._select: tuple[str, list[tuple[str, bool]]] | None = None
        self._textarea: str | None = None
        self._elsewhere: list[tuple[str, tuple[str, str]]] = []  # where the open form's buttons send it instead

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in given}
        if tag == "form":
            self._open = Found(
                self.page, attributes.get("method", ""), attributes.get("action", ""), attributes.get("enctype", "")
            )
            self.found.append(self._open)
        elif tag in ("input", "select", "textarea", "button"):
            self._control(tag, attributes)
        elif tag == "option" and self._select is not None:
            self._select[1].append((attributes.get("value", ""), "selected" in attributes))

    def _control(self, tag: str, attributes: dict[str, str]) -> None:
        if {"data-copy", "data-try"} & set(attributes):  # shown by the script that it needs (static/js/copy.js, try.js)
            return
        form, name, sort = self._open, attributes.get("name", ""), attributes.get("type", "")
        if form is None:
            self.outside.append(f"<{tag} {attributes}>")
            return
        if tag == "button" or sort == "submit":
            if attributes.get("formaction") and attributes.get("formmethod", form.method) == form.method:
                self._elsewhere.append((attributes["formaction"], (name, attributes.get("value", ""))))
            elif sort in ("", "submit"):
                form.buttons.append((name, attributes.get("value", "")))
            return
        if "data-select-all" in attributes:  # ticks the others (static/js/choose.js); nothing of its own is sent
            return
        if not name:
            form.nameless.append(f"<{tag} {attributes}>")
        elif tag == "select":
            self._select = (name, [])
        elif tag == "textarea":
            self._textarea = ""
            form.fields.append((name, ""))
        elif sort == "file":
            form.files.append(name)
        elif sort not in ("checkbox", "radio") or "checked" in attributes:
            form.fields.append((name, attributes.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._open is not None:
            self.found += [replace(self._open, action=address, buttons=[button]) for address, button in self._elsewhere]
            self._open, self._elsewhere = None, []
        elif tag == "select" and self._select is not None and self._open is not None:
            name, options = self._select
            chosen = [value for value, selected in options if selected] or [value for value, _ in options][:1]
            self._open.fields += [(name, value) for value in chosen]
            self._select = None
        elif tag == "textarea" and self._open is not None and self._textarea is not None:
            name, _ = self._open.fields[-1]
            self._open.fields[-1] = (name, self._textarea.removeprefix("\n"))
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._textarea += data


@pytest.fixture
async def full(
    servers: Servers, shared_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Full]:
    async with full_installation(servers, shared_database, tmp_path_factory.mktemp("forms")) as made:
        yield made


async def all_forms(full: Full, clients: dict[bool, httpx.AsyncClient]) -> tuple[list[tuple[bool, Found]], list[str]]:
    """(signed in, form) of all pages, and what is wrong outside of forms."""
    found, wrong = [], []
    for signed_in, paths in ((True, PAGES), (False, OPEN)):
        for path in paths:
            if path == "/styleguide":  # it shows controls that belong to nothing
                continue
            page = await clients[signed_in].get(path.format(**full.names))
            forms = Forms(path)
            forms.feed(page.text)
            found += [(signed_in, form) for form in forms.found]
            wrong += [f"{path}: {control}, outside of a form" for control in forms.outside]
    return found, wrong


def faults(form: Found) -> list[str]:
    """What keeps it from being sent without a script, or from being taken."""
    if form.method in DIALOGS:
        return []
    path = urlsplit(form.action).path
    served = {"get": routes(HANDLERS, "GET"), "post": routes(HANDLERS, "POST")}.get(form.method, iter(()))
    found = []
    if form.method not in ("get", "post"):
        found.append("its method is missing")
    elif not any(fits(route, path) for route in served):
        found.append("no route takes it")
    if form.method == "post" and "_csrf_token" not in form.names and not path.startswith("/review"):
        found.append("without _csrf_token")
    if form.files and form.enctype != "multipart/form-data":
        found.append("a file, but not multipart/form-data")
    if not form.buttons and form.method == "post":
        found.append("nothing to press")
    return found + [f"{control} has no name" for control in form.nameless]


def fits(route: str, path: str) -> bool:
    pattern = re.sub(r"\{[^}]*:uuid\}", "[0-9a-f-]{36}", route)
    return re.fullmatch(re.sub(r"\{[^}]*:str\}", "[^/]+", pattern), path) is not None


def kind_of(form: Found) -> Kind:
    """Forms of one kind differ only in what they are about."""
    path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", urlsplit(form.action).path)
    return form.method, path, tuple(sorted(form.names))


async def test_every_form_is_a_plain_one_and_is_taken_when_sent_as_it_stands(full: Full) -> None:
    """Sent untouched, a form does what it says or is shown again with what is missing: never 403, 404, 405 or 500."""
    async with (
        site_of(full.settings, full.database, full.redis) as site,
        Browser(site, full.root) as browser,
        stranger(site) as nobody,
    ):
        clients: dict[bool, httpx.AsyncClient] = {True: browser, False: nobody}
        found, wrong = await all_forms(full, clients)
        wrong += [f"{form}: {fault}" for _, form in found for fault in faults(form)]
        assert wrong == [], "\n".join(wrong)

        kinds = {kind_of(form): (signed_in, form) for signed_in, form in found if form.method not in DIALOGS}
        posted = {urlsplit(form.action).path for _, form in kinds.values() if form.method == "post"}
        unused = {route for route in routes(HANDLERS, "POST") if not any(fits(route, path) for path in posted)}
        assert unused == ELSEWHERE, "\n".join(sorted(unused ^ ELSEWHERE))
        # What takes away what others are about comes last.
        for signed_in, form in sorted(kinds.values(), key=lambda pair: bool(ENDS.search(pair[1].action))):
            answer = await send(clients[signed_in], form)
            if answer.status_code not in (200, 303, 409, 422):
                wrong.append(f"{form}: {answer.status_code} {words(answer)[:200]}")
        assert wrong == [], "\n".join(wrong)


# Routes whose form stands on a page that only comes up in another course of things; the tests beside them send it.
ELSEWHERE = {
    "/admin/users/{user_id:uuid}/enable",
    "/approvals/{approval_id:uuid}/answer-back",
    "/approvals/{approval_id:uuid}/files",
    "/approvals/undo",  # a moment after a decision
    "/approvals/{approval_id:uuid}/take-back",
    "/approvals/{approval_id:uuid}/withdraw",
    "/bulk/{action_id:uuid}/continue",
    "/bulk/{action_id:uuid}/undo",
    "/bulk/selected/{verb:str}",  # a second button of the form that asks first
    "/login/verify",
    "/overview/sample",
    "/postings/import/{import_id:uuid}/read",
    "/postings/{posting_id:uuid}/restore",
    "/postings/applied",  # a second button of the form that starts a run
    "/review/fresh",
    "/review/take-back",
    "/review/{token:str}/files",
    "/runs/{run_id:uuid}/delete",
    "/review/withdraw",
    "/settings/ask/{token_id:uuid}/trust",
    "/settings/resume/remove",
    "/settings/resumes/{resume_id:uuid}/remove",
    "/settings/resumes/{resume_id:uuid}/use",
    "/settings/sessions/revoke-others",
    "/settings/sessions/{session_id:uuid}/revoke",
    "/tasks/{task_id:uuid}/run-now",
}
ENDS = re.compile("cancel|not-applied|discard|delete|remove|revoke|logout|resolve|retry|decision|/review$")


async def send(client: httpx.AsyncClient, form: Found) -> httpx.Response:
    values: dict[str, list[str]] = {}
    for name, value in form.sent:
        values.setdefault(name, []).append(value)
    if form.method == "get":
        return await client.get(form.action, params=values)
    files = {name: ("", b"", "application/octet-stream") for name in form.files} or None
    return await client.post(form.action, data=values, files=files)
