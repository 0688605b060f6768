"""What can be looked at: the jobs, their forms, and what was received. Nothing here changes anything."""

import secrets
from pathlib import Path

from litestar import Response, get
from litestar.exceptions import NotFoundException

from sandbox.careers.behaviour import Behaviour
from sandbox.careers.form import FORM_ID, KEY, SentForm
from sandbox.careers.jobs import SAMPLES, SHORTCUTS, Job, find_job, shortcut_of
from sandbox.careers.login import COOKIE
from sandbox.careers.respond import HttpRequest, json, page
from sandbox.careers.store import Store
from sandbox.careers.validate import FieldError

_SHOWN = 200
_CSS = Path(__file__).parent / "static" / "careers.css"


@get("/")
async def list_jobs(store: Store) -> Response[bytes]:
    received = store.jobs_applied_to()
    jobs = [job for slug in dict.fromkeys((*SAMPLES, *received)) if (job := find_job(slug))]
    notes = {job.slug: SHORTCUTS.get(shortcut_of(job.slug) or "", "") for job in jobs}
    return page("jobs", jobs=jobs, notes=notes, received=received)


@get("/jobs/{name:str}")
async def show_job(request: HttpRequest, name: str, store: Store, behaviour: Behaviour) -> Response[bytes]:
    """The job's page with its form, or as JSON for a name that ends in `.json`."""
    if name.endswith(".json"):
        return json(job_or_404(name.removesuffix(".json"), behaviour))
    return _blank_form(request, job_or_404(name, behaviour), store)


@get("/jobs/{slug:str}/apply")
async def show_form(request: HttpRequest, slug: str, store: Store, behaviour: Behaviour) -> Response[bytes]:
    return _blank_form(request, job_or_404(slug, behaviour), store)


@get("/applications")
async def list_applications(store: Store) -> Response[bytes]:
    return page("applications", applications=store.newest_applications(_SHOWN), shown=_SHOWN)


@get("/applications.json")
async def applications_as_json(store: Store) -> Response[bytes]:
    return json(list(store.applications()))


@get("/careers.css")
async def stylesheet() -> Response[bytes]:
    return Response(_CSS.read_bytes(), media_type="text/css", headers={"Cache-Control": "no-cache"})


@get("/healthz")
async def healthy() -> Response[bytes]:
    return Response(b"ok", media_type="text/plain")


def job_or_404(slug: str, behaviour: Behaviour) -> Job:
    job = find_job(slug, behaviour.asks(slug))
    if job is None:
        raise NotFoundException("There is no such job. A job's name has 1 to 80 of a-z, 0-9 and hyphens.")
    return job


def form_page(job: Job, form: SentForm, errors: list[FieldError]) -> Response[bytes]:
    """The application form as filled in so far; 422 if anything in it is wrong."""
    messages = {error.field: error.message for error in errors}
    form_id = form.text(FORM_ID)
    if not form_id or KEY in messages:  # a key that is taken would refuse this form for ever
        form_id = secrets.token_urlsafe(12)
    return page("job", 422 if errors else 200, job=job, form=form, form_id=form_id, errors=messages)


def _blank_form(request: HttpRequest, job: Job, store: Store) -> Response[bytes]:
    email = store.session_email(request.cookies.get(COOKIE, ""))
    form = SentForm({"email": [email]} if email else {})
    return form_page(job, form, [])
