"""The servers that a command works with."""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from holdgate.core.config import Settings
    from holdgate.core.db import WriteSession

T = TypeVar("T")


def given() -> "Settings":
    """The settings of the environment and of the project in the current folder."""
    from holdgate.core.config import load, misspelt
    from holdgate.core.project import environment

    environ = environment(os.environ)
    for sentence in misspelt(environ):
        click.echo(f"Warning: {sentence}", err=True)
    return load(environ)


def sources_given() -> tuple[dict[str, str], dict[str, str]]:
    """What is set, and where each of it comes from."""
    from holdgate.core.project import sources

    return sources(os.environ)


@contextmanager
def servers() -> "Iterator[Settings]":
    """The settings, with embedded servers started for the time of the command when they do not run."""
    from holdgate.embedded import postgres, valkey
    from holdgate.embedded.attach import attached

    settings = given()
    ran = postgres.running(settings.data_dir), valkey.running(settings.data_dir)
    try:
        yield attached(settings, start=True)
    finally:
        if not ran[0] and not settings.database_url:
            postgres.stop(settings.data_dir)
        if not ran[1] and not settings.redis_url:
            valkey.stop(settings.data_dir)


def in_transaction(work: "Callable[[WriteSession], Awaitable[T]]") -> T:
    """One transaction with these servers, as `system`."""
    from holdgate import development

    with servers() as settings:
        return development.in_transaction(settings, work)
