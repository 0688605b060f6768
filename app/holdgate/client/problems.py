"""Refusals of the API (RFC 9457)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

NAMED = 5  # places that the sentence of a problem names; all of them are in its `errors`


class Problem(Exception):
    """A refusal or failure (RFC 9457). `errors` says what does not fit; `request_id` is in the server's log."""

    def __init__(self, status: int, body: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", ""))
        self.request_id = str(body.get("request_id", ""))
        self.errors: list[dict[str, str]] = list(body.get("errors", ()))
        self.retry_after = retry_after
        places = "; ".join(f"{e.get('pointer') or e.get('parameter')}: {e['detail']}" for e in self.errors[:NAMED])
        if len(self.errors) > NAMED:
            places += f"; and {len(self.errors) - NAMED} more"
        super().__init__(f"{status} {self.title}: {self.detail}{f' ({places})' if places else ''}")


def problem_of(answer: "httpx.Response") -> Problem:
    """Of an answer that has been read."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    told = body if body and isinstance(body, dict) else {"title": answer.reason_phrase}
    wait = answer.headers.get("Retry-After", "")
    return Problem(answer.status_code, told, float(wait) if wait.isdecimal() else None)
