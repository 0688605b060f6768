"""The catalogue of letters: which mails exist, what each is told, and what happens when one is accepted or refused.

A letter `name` has the templates `templates/emails/<name>/{subject.txt,body.txt,body.html}` and a class, which its
feature names (`mails={"sign_in": "holdgate.accounts.mails:SignInLetter"}`):

    class SignIn(PlainLetter):
        Data = SignInData

        async def prepare(self, session: WriteSession, data: SignInData, settings: Settings) -> dict[str, Any]:
            token = tokens.mint()
            await store_link(session, data.link_id, tokens.digest(token))
            return {"to": data.email, "url": f"{settings.base_url}/login/{token}"}

`Data` travels in a task's payload, which people can read: it names rows by id and never holds a token. Tokens
are minted in `prepare`, anew for every rendering, and an earlier one stays valid: when a worker dies between
the server's acceptance and our note of it, the mail goes out again, and either link works.
"""

from typing import Any, Protocol

import msgspec

from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.feature import features, load
from holdgate.mail.errors import LetterMismatch, UnknownLetter


class Letter(Protocol):
    """What mail must know of a feature that sends one. `data` is always an instance of `Data`."""

    @property  # in classes a plain attribute: `Data = SignInData`
    def Data(self) -> type[msgspec.Struct]: ...

    async def prepare(self, session: WriteSession, data: Any, settings: Settings) -> dict[str, Any]:
        """What the templates are filled with; committed before the mail goes out. Runs again with every try.

        A letter with a personal link also returns `to`, the address that link is for: it is sent nowhere else.

        Raises:
            NotNeeded: the mail has become pointless; nothing is sent and the task succeeds.
        """
        ...

    async def sent(self, session: WriteSession, data: Any, reply: str = "") -> None:
        """The server has accepted the mail; `reply` are its words. Runs once, in the transaction that remembers it."""
        ...

    async def delayed(self, session: WriteSession, data: Any, problem: str) -> None:
        """The mail server could not take it now; it is tried again. Runs after each such attempt."""
        ...

    async def undelivered(self, session: WriteSession, data: Any, problem: str) -> None:
        """The mail was refused, or tried too often. Runs once; `sent` may still follow when a person retries."""
        ...


class PlainLetter:
    """A letter without consequences: the templates get the fields of its data."""

    Data: type[msgspec.Struct]

    async def prepare(self, session: WriteSession, data: Any, settings: Settings) -> dict[str, Any]:
        return msgspec.structs.asdict(data)

    async def sent(self, session: WriteSession, data: Any, reply: str = "") -> None:
        pass

    async def delayed(self, session: WriteSession, data: Any, problem: str) -> None:
        pass

    async def undelivered(self, session: WriteSession, data: Any, problem: str) -> None:
        pass


_LETTERS: dict[str, Letter] = {}  # those that have been asked for


def letter_names() -> dict[str, str]:
    """The name of each letter, and what its feature calls its class."""
    return {name: made for feature in features() for name, made in feature.mails.items()}


def find_letter(name: str) -> Letter:
    """Raises UnknownLetter."""
    if name not in _LETTERS:
        known = letter_names()
        if name not in known:
            raise UnknownLetter(name, sorted(known))
        _LETTERS[name] = load(known[name])()
    return _LETTERS[name]


def letter_data(name: str, data: msgspec.Struct | dict[str, Any]) -> msgspec.Struct:
    """`data`, given as the letter's `Data` or as plain JSON data, as the former.

    Raises:
        UnknownLetter, LetterMismatch
    """
    wanted = find_letter(name).Data
    plain = data if isinstance(data, dict) else msgspec.to_builtins(data)
    try:
        return msgspec.convert(plain, wanted)
    except msgspec.ValidationError as error:
        raise LetterMismatch(name, str(error)) from error
