"""`@requires_approval`: a function of any program that runs once people have agreed to it, and then only once."""

import inspect
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from hashlib import sha256
from typing import Any, Generic, ParamSpec, TypeVar, Unpack, cast, overload

import msgspec

from holdgate.client.asking import AskOptions, Decision, Shown, create_approval, use, wait_decision
from holdgate.client.asynchronous import AsyncClient
from holdgate.client.environment import url_and_token
from holdgate.client.flows import Flow
from holdgate.client.problems import Problem
from holdgate.client.sync import Client
from holdgate.core.text.typed import plain_of

P = ParamSpec("P")
R = TypeVar("R")
Text = str | Callable[..., str]


class Approved(msgspec.Struct, Generic[R], frozen=True):
    """What the function returned, and the decision by which it ran."""

    value: R
    decision: Decision

    @property
    def receipt(self) -> Any:
        """The signed evidence of the decision."""
        return self.decision.receipt


class NotApproved(Exception):
    """The function has not run: its request was rejected, has expired or was cancelled."""

    def __init__(self, decision: Decision, sentence: str = "") -> None:
        self.decision = decision
        why = f": {decision.reason}" if decision.reason else ""
        super().__init__(sentence or f"The approval request {decision.id} is {decision.state}{why}")


class AlreadyUsed(NotApproved):
    """The function has not run: it has already run, or begun to, by this approval."""


class requires_approval:
    """Guard a function: a call asks, waits, runs the function at most once and returns `Approved`.

    @requires_approval(title="Refund {cents} cents of order {order}", to=["ann@example.org"])
    def refund(order: str, cents: int) -> str: ...

    done = refund("A7", 1250)  # done.value, done.receipt

    Args:
        title: with the function's arguments in braces; or a function of them.
        show: what is shown; or a function of the arguments. By default all of them, under their names.
        key: by what two calls are the same; with braces, or a function of the arguments. By default the function and
            its arguments. For 24 hours the same call asks nobody twice, and runs nothing twice: whoever comes second
            gets AlreadyUsed, in another process, too. Say `key` where the same call shall be possible again.
        client: `Client`, or `AsyncClient` for an `async def`. By default made of HOLDGATE_URL and HOLDGATE_TOKEN.
        seconds: how long to wait at most; by default until the request's own time is over.
        options: as for `Client.ask`.

    Raises:
        NotApproved, AlreadyUsed, TimeoutError, Problem: and the function has not run.
    """

    def __init__(
        self,
        title: Text,
        *,
        to: str | Sequence[str] = (),
        show: Shown | Callable[..., Shown] | None = None,
        key: Text | None = None,
        client: Client | AsyncClient | None = None,
        seconds: float | None = None,
        **options: Unpack[AskOptions],
    ) -> None:
        self._title, self._to, self._show, self._key = title, to, show, key
        self._client, self._seconds, self._options = client, seconds, options

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]]
    ) -> Callable[P, Coroutine[Any, Any, Approved[R]]]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Callable[P, Approved[R]]: ...
    def __call__(self, function: Any) -> Any:
        signature = inspect.signature(function)

        def agreed(args: Any, kwargs: Any) -> Flow[Decision]:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return self._agreed(function, bound.arguments)

        @wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Approved[Any]:
            if self._client is not None:
                decision = cast(Client, self._client)._perform(agreed(args, kwargs))
            else:
                with Client(*url_and_token()) as hold:
                    decision = hold._perform(agreed(args, kwargs))
            return Approved(function(*args, **kwargs), decision)

        @wraps(function)
        async def guarded_async(*args: Any, **kwargs: Any) -> Approved[Any]:
            if self._client is not None:
                decision = await cast(AsyncClient, self._client)._perform(agreed(args, kwargs))
            else:
                async with AsyncClient(*url_and_token()) as hold:
                    decision = await hold._perform(agreed(args, kwargs))
            return Approved(await function(*args, **kwargs), decision)

        return guarded_async if inspect.iscoroutinefunction(function) else guarded

    def _agreed(self, function: Any, arguments: dict[str, Any]) -> Flow[Decision]:
        """Ask, wait, and make sure that nobody else runs by the same approval."""
        made = yield from create_approval(
            _text(self._title, arguments),
            to=self._to,
            show=self._shown(arguments),
            once=f"requires_approval:{self._digest(function, arguments)}",
            **self._options,
        )
        decision = yield from wait_decision(made.id, self._seconds)
        if not decision.approved:
            raise NotApproved(decision)
        try:
            yield from use(decision.id)
        except Problem as problem:
            if problem.status != 409:
                raise
            raise AlreadyUsed(decision, problem.detail) from problem
        return decision

    def _shown(self, arguments: dict[str, Any]) -> Shown:
        if callable(self._show):
            return self._show(**arguments)
        return _plain(arguments) if self._show is None else self._show

    def _digest(self, function: Any, arguments: dict[str, Any]) -> str:
        name = f"{function.__module__}.{function.__qualname__}"
        same = [name, _plain(arguments) if self._key is None else _text(self._key, arguments)]
        return sha256(msgspec.json.encode(same)).hexdigest()


def _text(given: Text, arguments: dict[str, Any]) -> str:
    return given(**arguments) if callable(given) else given.format(**arguments)


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = plain_of(arguments, str_keys=True, order="deterministic")
    except TypeError as error:
        raise TypeError(f"An argument is no JSON: {error}. Say show= and key=, by functions of them.") from None
    return plain
