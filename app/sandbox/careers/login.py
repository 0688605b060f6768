"""Signing in: any e-mail address and any password, even none. From then on that applicant is signed in."""

from litestar import Response, get, post
from litestar.datastructures import Cookie

from sandbox.careers.form import SentForm
from sandbox.careers.jobs import is_slug
from sandbox.careers.respond import HttpRequest, empty, json, page, prefers_html, read_form
from sandbox.careers.store import Store
from sandbox.careers.validate import FieldError, check_sign_in

COOKIE = "careers_session"


@get("/login")
async def show_login(request: HttpRequest, store: Store) -> Response[bytes]:
    job = request.query_params.get("job", "")
    return _login_page(SentForm(), job, store.session_email(_token(request)), [])


@post("/login")
async def sign_in(request: HttpRequest, store: Store) -> Response[bytes]:
    """303 with the session's cookie, back to the job that asked for it."""
    form = await read_form(request, "application/x-www-form-urlencoded", "multipart/form-data")
    email, job = check_sign_in(form), form.text("job")
    if isinstance(email, list):
        return _login_page(form, job, None, email) if prefers_html(request) else json({"errors": email}, 422)
    response = empty(303, {"Location": f"/jobs/{job}/apply" if is_slug(job) else "/login"})
    response.set_cookie(Cookie(COOKIE, value=store.sign_in(email), httponly=True, samesite="lax", path="/"))
    return response


@post("/logout")
async def sign_out(request: HttpRequest, store: Store) -> Response[bytes]:
    store.sign_out(_token(request))
    response = empty(303, {"Location": "/login"})
    response.delete_cookie(COOKIE)
    return response


def _login_page(form: SentForm, job: str, signed_in: str | None, errors: list[FieldError]) -> Response[bytes]:
    messages = {error.field: error.message for error in errors}
    job = job if is_slug(job) else ""
    return page("login", 422 if errors else 200, form=form, job=job, signed_in=signed_in, errors=messages)


def _token(request: HttpRequest) -> str:
    return request.cookies.get(COOKIE, "")
