"""Logging: structured lines, JSON in production, with secrets removed by name and by shape."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec
import structlog

from holdgate.core.text.masking import masked
from holdgate.core.text.storable import storable_text

SECRET_NAMES = re.compile(r"token|secret|password|cookie|authorization|api_?key|session_id|cover_letter|body", re.I)


_STAMP = structlog.processors.TimeStamper(fmt="iso", utc=True)
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_least, _json_lines = logging.NOTSET, False  # until `configure`
MOST = 20_000  # characters of one value; of a longer one its beginning and its end


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: values of secret names go, secret shapes in any text go."""
    for key, value in event.items():
        if SECRET_NAMES.search(key):
            event[key] = "[hidden]"
        elif isinstance(value, str):
            event[key] = masked(_bounded(value))
        elif not isinstance(value, (int, float, type(None))):
            event[key] = _bounded_value(value)
    return event


KEPT = "_kept"  # what a logger is bound to whose lines are wanted elsewhere, too: it is called with each
MOST_LINE = 1_000  # characters of a line there
_ABOUT = frozenset(("timestamp", "level", "event", "logger", "logger_name", "task", "kind", "attempt", "request_id"))


def redact_and_keep(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: `redact`; what remains goes to the one who keeps the line as well."""
    keep = event.pop(KEPT, None)
    redact(logger, method, event)
    if keep is not None:
        values = [f"{name}={value}" for name, value in event.items() if name not in _ABOUT]
        line = " ".join([str(event.get("event", "")), *values])[:MOST_LINE]
        keep((str(event.get("timestamp", "")), method, line))
    return event


def _bounded_value(value: Any) -> Any:
    """Masked plain data; what is large, or not plain, as a text. A line of the log never fails its writer."""
    try:
        text = msgspec.json.encode(value, enc_hook=repr)
        return masked(value) if len(text) <= MOST else masked(_bounded(text.decode()))
    except Exception:
        return masked(_bounded(repr(value)))


def _bounded(text: str) -> str:
    if len(text) > MOST:
        text = f"{text[: MOST // 2]} … {len(text) - MOST:,} characters omitted … {text[-MOST // 2 :]}"
    return storable_text(text)


def configure(*, json: bool, level: str = "info") -> None:
    """Structlog's lines, and those of the standard library's loggers in the same form, to standard error.

    Ours do not take the way through the standard library, which costs as much as the rest of a line.

    Args:
        level: the least that is written: debug, info, warning or error.
    """
    global _least, _json_lines
    _least, _json_lines = _LEVELS[level], json
    least = _least
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _STAMP,
        structlog.processors.format_exc_info,
        redact_and_keep,
    ]
    renderer: Any = structlog.processors.JSONRenderer(_json) if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[_named, *shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.PositionalArgumentsFormatter(),
                *shared,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(least)
    for name in ("uvicorn", "uvicorn.error", "arq", "arq.worker"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # One access line per request is ours; these two would print URLs with tokens.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("httpx").setLevel(logging.WARNING)


def request_id() -> str:
    """Of the request that we are in, or whose task this is; empty: of none."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def about(**fields: str) -> AbstractContextManager[None]:
    """Every line of this task of the event loop says these, too, while the block lasts."""
    return structlog.contextvars.bound_contextvars(**fields)


def written(level: str) -> bool:
    """Whether lines of that level are written at all."""
    return _LEVELS[level] >= _least


def write_many(name: str, event: str, level: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """Many lines of one event at once, for what ends by the hundred. Nothing is removed from them: only for values that
    are ours."""
    if not _json_lines:
        write = getattr(get(name), level)
        for line in lines:
            write(event, **line)
        return
    about = _STAMP(None, level, {"event": event, "logger": name, "level": level})
    encoded = msgspec.json.Encoder(enc_hook=repr).encode_lines([{**line, **about} for line in lines])
    sys.stderr.write(encoded.decode())
    sys.stderr.flush()


def _named(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["logger"] = event.pop("logger_name", "")
    return event


def _json(event: MutableMapping[str, Any], **_options: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(logger_name=name)
    return logger
