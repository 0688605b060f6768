"""Metrics in the OpenMetrics and Prometheus formats: what this process counts, and how figures are written down.

The only home of prometheus-client. Labels come from small closed sets (routes' patterns, kinds, queues, states), never
from what a client sends: every value is a series that is kept for ever.
"""

import hmac
import socket
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from threading import Thread
from typing import Any, TypeAlias
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from holdgate.core.process.release import VERSION

Families: TypeAlias = list[Metric]
Rows: TypeAlias = Mapping[tuple[str, ...], float]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Pages take milliseconds, tasks up to minutes.
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30)
TASK_SECONDS = (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800)

PROCESS = CollectorRegistry()
ProcessCollector(registry=PROCESS)
Info("holdgate_build", "Which release this process runs.", registry=PROCESS).info({"version": VERSION})

_REQUESTS = Counter(
    "holdgate_http_requests", "Answers, by route and status.", ("method", "route", "status"), registry=PROCESS
)
_REQUEST_SECONDS = Histogram(
    "holdgate_http_request_seconds",
    "From the request to the end of its answer, by route.",
    ("method", "route"),
    buckets=REQUEST_SECONDS,
    registry=PROCESS,
)
_CLAIMED = Counter("holdgate_worker_claims", "Tasks claimed by this worker.", ("queue",), registry=PROCESS)


class _Attempts(Collector):
    """Attempts of this worker, in plain numbers: looking up two labelled children with a lock each costs more than the
    rest of what is done for a small task."""

    def __init__(self) -> None:
        self._ended: dict[tuple[str, ...], int] = {}
        self._took: dict[str, list[float]] = {}  # by kind: how many in each bucket, and their sum at the end

    def add(self, queue: str, kind: str, outcome: str, seconds: float) -> None:
        key = queue, kind, outcome
        self._ended[key] = self._ended.get(key, 0) + 1
        took = self._took.get(kind)
        if took is None:
            took = self._took[kind] = [0.0] * (len(TASK_SECONDS) + 2)
        took[bisect_left(TASK_SECONDS, seconds)] += 1
        took[-1] += seconds

    def collect(self) -> Iterable[Metric]:
        about = "Attempts that ended in this worker, by outcome; `left`: held, asleep, cancelled or lost."
        yield counter("holdgate_worker_tries", about, ("queue", "kind", "outcome"), self._ended.copy())
        took: dict[tuple[str, ...], tuple[Sequence[float], float]] = {
            (kind,): (list(accumulate(each)), seconds) for kind, (*each, seconds) in self._took.copy().items()
        }
        about = "How long attempts took in this worker."
        yield histogram("holdgate_worker_try_seconds", about, ("kind",), TASK_SECONDS, took)


_ATTEMPTS = _Attempts()
PROCESS.register(_ATTEMPTS)
RINGS = Counter(
    "holdgate_wakeups",
    "Wake-ups sent by this process over Redis, by result (sent, failed).",
    ("result",),
    registry=PROCESS,
)
HEARD = Counter("holdgate_wakeups_heard", "Wake-ups that this worker heard.", registry=PROCESS)


def observe_request(method: str, route: str, status: int, seconds: float | None) -> None:
    """Count an answer; what the shield calls. `seconds`: None where the client has asked it to wait."""
    name = method if method in METHODS else "other"
    _REQUESTS.labels(name, route, str(status)).inc()
    if seconds is not None:
        _REQUEST_SECONDS.labels(name, route).observe(seconds)


def observe_claims(queue: str, number: int) -> None:
    _CLAIMED.labels(queue).inc(number)


def observe_try(queue: str, kind: str, outcome: str, seconds: float) -> None:
    _ATTEMPTS.add(queue, kind, outcome, seconds)


def gauge(name: str, about: str, labels: Sequence[str], rows: Rows) -> Metric:
    """Figures of this moment, as read from elsewhere: label values → number."""
    family = GaugeMetricFamily(name, about, labels=labels)
    for values, number in rows.items():
        family.add_metric(values, number)
    return family


def counter(name: str, about: str, labels: Sequence[str], rows: Rows) -> Metric:
    """What only grows, counted elsewhere: label values → number. The name without `_total`."""
    family = CounterMetricFamily(name, about, labels=labels)
    for values, number in rows.items():
        family.add_metric(values, number)
    return family


def histogram(
    name: str,
    about: str,
    labels: Sequence[str],
    bounds: Sequence[float],
    rows: Mapping[tuple[str, ...], tuple[Sequence[float], float]],
) -> Metric:
    """Counted elsewhere: label values → how many are up to each of the `bounds` and in all, and their sum."""
    family = HistogramMetricFamily(name, about, labels=labels)
    names = [*map(floatToGoString, bounds), "+Inf"]
    for values, (numbers, together) in rows.items():
        family.add_metric(values, list(zip(names, numbers, strict=True)), together)
    return family


class _Together:
    """What the process counts and what was read for this answer."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        yield from PROCESS.collect()
        yield from self._families


def exposition(accept: str, families: Iterable[Metric] = ()) -> tuple[bytes, str]:
    """(body, content type): OpenMetrics for whoever accepts it, else Prometheus' own text format."""
    encode, content_type = choose_encoder(accept)
    return encode(_Together(families)), content_type


def may_read(token: str, authorization: str) -> bool:
    """Whether a request's Authorization header has the token."""
    scheme, _, given = authorization.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def serve(
    address: tuple[str, int],
    token: str | None,
    families: Callable[[], Families],
    alive: Callable[[], bool] = lambda: True,
    ready: Callable[[], bool] = lambda: True,
) -> WSGIServer:
    """Answer `/metrics`, `/livez` and `/readyz` on a port of its own, in a thread: for a process without other HTTP.

    Args:
        address: host and port to listen on.
        token: what the asker must have for /metrics; empty: anybody may ask; None: nobody.
        families: read at every request; must be safe to call from another thread, like `alive` and `ready`.
    """

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        if (probe := {"/livez": alive, "/readyz": ready}.get(environ["PATH_INFO"])) is not None:
            well = probe()
            start("200 OK" if well else "503 Service Unavailable", [("Content-Type", "application/json")])
            return [b'{"status": "ok"}' if well else b'{"status": "unavailable"}']
        if environ["PATH_INFO"] != "/metrics" or token is None:
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"Only /metrics, /livez and /readyz are here; the first needs METRICS_TOKEN.\n"]
        if token and not may_read(token, environ.get("HTTP_AUTHORIZATION", "")):
            start("401 Unauthorized", [("Content-Type", "text/plain"), ("WWW-Authenticate", "Bearer")])
            return [b"Send METRICS_TOKEN as a bearer token.\n"]
        body, content_type = exposition(environ.get("HTTP_ACCEPT", ""), families())
        start("200 OK", [("Content-Type", content_type)])
        return [body]

    kind = _Server6 if ":" in address[0] else WSGIServer
    server = make_server(*address, answer, server_class=kind, handler_class=_Quiet)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _Server6(WSGIServer):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is no news."""
