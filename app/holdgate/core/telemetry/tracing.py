"""Traces by OpenTelemetry, an extra: without it, or without TRACES_URL, everything here does nothing.

A trace goes from the request through the task's row (`traceparent`, W3C) to each try of its handler, also after a hold,
and on to what the handler asks of other servers. The only home of opentelemetry.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import UUID

from holdgate.core.config import ConfigError
from holdgate.core.process.release import VERSION
from holdgate.core.telemetry import log

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

HEADER = "traceparent"
Kind: TypeAlias = Literal["SERVER", "CLIENT", "CONSUMER"]
Attributes: TypeAlias = Mapping[str, str | int]

_provider: "TracerProvider | None" = None


def configure(url: str, service: str) -> None:
    """Send spans to an OTLP collector over HTTP from now on; nothing when `url` is empty.

    Raises:
        ConfigError: the extra is not installed.
    """
    if not url:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as missing:
        raise ConfigError("TRACES_URL needs the packages of the extra `tracing`: see docs/operations.md.") from missing
    made = TracerProvider(resource=Resource.create({"service.name": service, "service.version": VERSION}))
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    use(made)


def use(provider: "TracerProvider | None") -> None:
    """Spans go to this provider; None: none are made."""
    global _provider
    _provider = provider


def active() -> bool:
    """Whether anybody traces."""
    return _provider is not None


def stop() -> None:
    """Send what has not been sent yet."""
    if _provider is not None:
        _provider.shutdown()


def traceparent() -> str:
    """Where we are in a trace, as others are told; empty outside of one."""
    if _provider is None:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(HEADER, "")


def stored() -> str:
    """What tasks that are made now keep: the trace we are in, else the request, as a trace that nobody samples, so that
    the logs of workers name it. An id of somebody else's making fits no trace."""
    if told := traceparent():
        return told
    try:
        number = UUID(log.request_id()).hex
    except ValueError:
        return ""
    return f"00-{number}-{number[16:]}-00"


def origin(parent: str | None) -> dict[str, str]:
    """What lines of the log say of whence a task came: the trace, or the id of the request that made it."""
    version, _, rest = (parent or "").partition("-")
    number, _, sampled = rest.partition("-")
    if version != "00" or len(number) != 32:
        return {}
    return {"request_id": str(UUID(number))} if sampled.endswith("-00") else {"trace": number}


class SpanHandle:
    """A span to which more is said once it is known; does nothing when nobody traces."""

    def __init__(self, span: "Span | None" = None) -> None:
        self._span = span

    def say(self, attributes: Attributes, *, name: str = "", failed: str = "") -> None:
        """`failed`: what went wrong, never a secret."""
        if self._span is None:
            return
        self._span.set_attributes(attributes)
        if name:
            self._span.update_name(name)
        if failed:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR, failed))


_NOTHING = SpanHandle()


@contextmanager
def span(name: str, kind: Kind, attributes: Attributes, *, parent: str | None = None) -> Iterator[SpanHandle]:
    """A piece of work. Of an exception that leaves it only the type is noted: its text may hold anything.

    Args:
        parent: a traceparent from outside; None continues the trace we are in.
    """
    if _provider is None:
        yield _NOTHING
        return
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = None if parent is None else TraceContextTextMapPropagator().extract({HEADER: parent})
    with _provider.get_tracer("holdgate", VERSION).start_as_current_span(
        name,
        context=context,
        kind=SpanKind[kind],
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        told = SpanHandle(made)
        try:
            yield told
        except BaseException as error:
            told.say({"error.type": type(error).__name__}, failed=type(error).__name__)
            raise
