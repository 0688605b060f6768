"""A client of the JSON API in one file that needs only httpx: use it as `holdgate.client`, or copy it.

    with Client("https://hold.example.org", "hg_…") as hold:
        task = hold.create_task("sample.task", {"seconds": 2}, once="monday-1")
        print(hold.wait(task["id"])["state"])

Every refusal is a Problem. 429 and what is “not available just now” are tried again, changes only where that is safe:
they had no effect, or carry an Idempotency-Key. The types name the fields of answers; docs/api.md tells the rest.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypedDict, cast

import httpx

PREFIX = "/api/v1"
TRIES = 5
LONGEST_PAUSE = 60.0  # seconds; a server that wants more is told to the caller
LONG_POLL = 30  # seconds
JsonObject = dict[str, Any]
NAMED = 5  # places that the sentence of a problem names; all of them are in its `errors`


class TaskItem(TypedDict):
    """A task as lists have it. Times are RFC 3339 in UTC."""

    id: str
    kind: str
    title: str
    state: str
    reason: str | None
    queue: str
    priority: int
    run_id: str | None
    subject: str | None
    attempt: int
    failures: int
    max_attempts: int
    progress: Any
    created_at: str
    queued_at: str
    run_at: str | None
    deadline: str | None
    started_at: str | None
    finished_at: str | None


class TaskDetail(TaskItem):
    """One task, with what it was given and what it gave."""

    payload: Any
    result: Any
    error: Any
    resolved_at: str | None
    resolved_by: str | None
    resolution: str | None


class EventItem(TypedDict):
    """A change of a task's state."""

    id: int
    at: str
    task_id: str
    run_id: str | None
    kind: str
    queue: str
    verb: str
    from_state: str | None
    to_state: str | None
    actor: str
    attempt: int
    reason: str | None
    data: Any


class Created(TypedDict):
    id: str
    url: str


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


class Client:
    """One installation, in the name of one token. `tries`: how often a request is sent at most; `sleep` waits between;
    `transport` is httpx's, for tests."""

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        timeout: float = 30.0,
        tries: int = TRIES,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        base, headers = f"{base_url.rstrip('/')}{PREFIX}", {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=base, headers=headers, timeout=timeout, transport=transport)
        self._timeout, self._tries, self._sleep = timeout, tries, sleep

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections; `with` does so, too."""
        self._http.close()

    def create_task(
        self, kind: str, payload: Mapping[str, Any] | None = None, *, once: str = "", **more: Any
    ) -> Created:
        """Make a task. `once`: an Idempotency-Key: called again with it, no second one is made.

        `more`: title, priority, queue, run_id, subject, run_at, deadline, max_attempts.
        """
        return cast(Created, self.post("/tasks", {"kind": kind, "payload": dict(payload or {}), **more}, once=once))

    def create_tasks(self, tasks: Iterable[Mapping[str, Any]], *, once: str = "") -> JsonObject:
        """Make up to 10,000 tasks, all of them or none."""
        return cast(JsonObject, self.post("/tasks/bulk", {"tasks": [dict(task) for task in tasks]}, once=once))

    def task(self, id: str, *, wait: int = 0) -> TaskDetail:
        """One task; with `wait` (seconds, up to 60) the answer comes when it has ended, or then."""
        return cast(TaskDetail, self.get(f"/tasks/{id}", {"wait": wait} if wait else {}, extra=wait))

    def wait(self, id: str, seconds: float = 600.0) -> TaskDetail:
        """The task once it has ended. Raises TimeoutError when that takes longer; holds wait for people."""
        ends = time.monotonic() + seconds
        while True:
            left = ends - time.monotonic()
            task = self.task(id, wait=max(0, min(LONG_POLL, int(left))))
            if task["finished_at"] is not None:
                return task
            if left <= 0:
                raise TimeoutError(f"Task {id} is still {task['state']}.")
            self._sleep(min(1.0, left) if left < 1 else 0)

    def tasks(self, **filters: Any) -> Iterator[TaskItem]:
        """Every task that matches (state, kind, queue, q, created_after, …), newest first, page by page."""
        yield from self.each("/tasks", filters)

    def act(self, id: str, verb: Literal["retry", "resume", "cancel"], *, once: str = "") -> JsonObject:
        """Tell a task what to do; returns its new state."""
        return cast(JsonObject, self.post(f"/tasks/{id}/{verb}", once=once))

    def answer(self, id: str, form: Mapping[str, Any], *, once: str = "") -> JsonObject:
        """Answer what a task asks of its owner."""
        return cast(JsonObject, self.post(f"/tasks/{id}/answer", {"form": dict(form)}, once=once))

    def create_run(self, name: str, tasks: Iterable[Mapping[str, Any]], *, once: str = "") -> JsonObject:
        """Start a run with these tasks."""
        return cast(JsonObject, self.post("/runs", {"name": name, "tasks": [dict(task) for task in tasks]}, once=once))

    def run(self, id: str) -> JsonObject:
        """One run, with its progress."""
        return cast(JsonObject, self.get(f"/runs/{id}"))

    def runs(self, **filters: Any) -> Iterator[JsonObject]:
        """Every run that matches, newest first, page by page."""
        yield from self.each("/runs", filters)

    def approvals(self, **filters: Any) -> Iterator[JsonObject]:
        """Every approval request that matches, page by page."""
        yield from self.each("/approvals", filters)

    def approval(self, id: str) -> JsonObject:
        """One approval request: what is shown, its form, who is asked."""
        return cast(JsonObject, self.get(f"/approvals/{id}"))

    def decide(
        self,
        approval: Mapping[str, Any],
        decision: Literal["approve", "reject"],
        *,
        form: Mapping[str, Any] | None = None,
        reason: str = "",
        once: str = "",
    ) -> JsonObject:
        """Decide what `approval` (from `approval()`) shows. When something else is shown by now: Problem 409."""
        body: JsonObject = {"version": approval["version"], "decision": decision, "reason": reason}
        if form is not None:
            body["form"] = dict(form)
        return cast(JsonObject, self.post(f"/approvals/{approval['id']}/decision", body, once=once))

    def stats(self) -> JsonObject:
        """Counts of tasks by state, kind and queue."""
        return cast(JsonObject, self.get("/stats"))

    def overview(self, period: Literal["hour", "day", "week"] = "hour") -> JsonObject:
        """What needs one now, and of the last hour, day or week what was done and what failed."""
        return cast(JsonObject, self.get("/overview", {"period": period}))

    def events(self, after: str = "") -> Iterator[tuple[str, EventItem]]:
        """Changes of tasks as they happen, each with its place; `after` a place, none since then is missed.

        Connects again by itself when the stream breaks off.
        """
        failed = 0
        while True:
            headers = {"Last-Event-ID": after} if after else {}
            try:
                with self._http.stream("GET", "/events", headers=headers, timeout=self._timeout) as answer:
                    if answer.status_code >= 400:
                        answer.read()
                        raise _problem(answer)
                    for after, event in _told(answer.iter_lines()):
                        failed = 0
                        yield after, event
            except httpx.TransportError:
                failed += 1
                if failed >= self._tries:
                    raise
            self._sleep(min(2.0**failed, LONGEST_PAUSE))

    def each(self, path: str, filters: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Every item of a list, by its cursor."""
        asked = dict(filters or {})
        while True:
            page = self.get(path, asked)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            asked["cursor"] = page["next_cursor"]

    def get(self, path: str, query: Mapping[str, Any] | None = None, *, extra: float = 0.0) -> Any:
        """`path` may be a `url` that an answer names; `extra` are seconds that it may take beyond the timeout."""
        return self._send("GET", path, params=dict(query or {}), timeout=self._timeout + extra).json()

    def download(self, path: str, query: Mapping[str, Any] | None = None) -> bytes:
        """A file as it is: of a task, a receipt, an export."""
        return self._send("GET", path, params=dict(query or {})).content

    def post(self, path: str, body: Any = None, *, once: str = "") -> Any:
        """Send JSON to a route; its answer. `once`: an Idempotency-Key, with which it is tried again safely."""
        headers = {"Idempotency-Key": once} if once else {}
        return self._send("POST", path, headers=headers, again=bool(once), json=body).json()

    def _send(self, method: str, path: str, *, again: bool = True, **options: Any) -> httpx.Response:
        for left in reversed(range(self._tries)):
            pause = 2.0 ** (self._tries - 1 - left) / 4
            try:
                answer = self._http.request(method, path.removeprefix(PREFIX), **options)
            except httpx.TransportError:
                if not left or not again:
                    raise
                self._sleep(pause)
                continue
            if answer.status_code < 400:
                return answer
            problem = _problem(answer)
            # 429 and 409 with Retry-After have had no effect; nor has 503, but who knows for sure sends a key.
            passing = problem.status in (409, 429) or (problem.status == 503 and again)
            wait = problem.retry_after
            if not left or not passing or wait is None or wait > LONGEST_PAUSE:
                raise problem
            self._sleep(max(wait, pause))
        raise AssertionError("unreachable")


def _problem(answer: httpx.Response) -> Problem:
    try:
        body = answer.json()
    except ValueError:
        body = None
    told = body if body and isinstance(body, dict) else {"title": answer.reason_phrase}
    wait = answer.headers.get("Retry-After", "")
    return Problem(answer.status_code, told, float(wait) if wait.isdecimal() else None)


def _told(lines: Iterator[str]) -> Iterator[tuple[str, EventItem]]:
    """Server-sent events: fields until an empty line."""
    place, data = "", ""
    for line in lines:
        name, _, value = line.partition(":")
        if not line and data:
            yield place, json.loads(data)
            data = ""
        elif name == "id":
            place = value.strip()
        elif name == "data":
            data += value.strip()
