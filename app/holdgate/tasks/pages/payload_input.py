"""A payload being entered, by the fields of its kind's schema or as JSON: of a new task, or for a retry."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from holdgate.core.errors import Invalid
from holdgate.core.text.masking import masked
from holdgate.core.text.shape import DEEP
from holdgate.tasks.kinds import AnyKind
from holdgate.tasks.payloads import forms
from holdgate.tasks.payloads.forms import PREFIX, PayloadField
from holdgate.tasks.payloads.secrets import with_secrets
from holdgate.web.filters import EXCERPT
from holdgate.web.http.request import WebRequest

JSON_VIEW = "json"
JSON_FIELD = "payload"
_PLACE = re.compile(r" - at `(\$[^`]*)`$")


class PayloadEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`fields` are empty where only JSON will do. `payload`: what was entered, while it has no errors.

    `too_long`: what is to be changed is longer than a form can be: 256 kB are read of one, and a character may take
    three times its place.
    """

    fields: Sequence[PayloadField]
    as_json: bool
    too_long: bool = False
    payload: dict[str, Any] = {}
    values: Mapping[str, Any] = {}
    errors: Mapping[str, str] = {}

    def value(self, name: str) -> Any:
        return self.values.get(name, "")

    def error(self, name: str) -> str | None:
        return self.errors.get(name)


def blank_entry(kind: AnyKind, *, as_json: bool, payload: dict[str, Any] | None = None) -> PayloadEntry:
    """Nothing entered yet, or a `payload` to be changed, with its secrets hidden."""
    fields = forms.fields_of(kind.schema())
    shown = masked(payload or {})
    if len(msgspec.json.encode(shown)) > EXCERPT:
        return PayloadEntry(fields=fields, as_json=True, too_long=True)
    text = msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()
    values = {**forms.values_of(fields, shown), JSON_FIELD: text}
    return PayloadEntry(fields=fields, as_json=as_json or not fields, values=values)


def json_entry(entry: PayloadEntry, payload: dict[str, Any] | str) -> PayloadEntry:
    """The same as JSON, with this payload, its secrets hidden, or this text."""
    text = payload if isinstance(payload, str) else msgspec.json.format(msgspec.json.encode(masked(payload))).decode()
    return msgspec.structs.replace(entry, as_json=True, values={**entry.values, JSON_FIELD: text})


async def asked_payload(request: WebRequest, kind: AnyKind, old: dict[str, Any] | None = None) -> PayloadEntry:
    """What a form sent: JSON in one field, or the fields of the schema.

    Args:
        old: the payload that was changed; what was left hidden is what it was.
    """
    sent = await request.form()
    texts: dict[str, list[str]] = {}
    for name, value in sent.multi_items():
        if isinstance(value, str):
            texts.setdefault(name, []).append(value)
    fields = forms.fields_of(kind.schema())
    if JSON_FIELD in texts or not fields:
        return _of_json(fields, texts.get(JSON_FIELD, [""])[0], old)
    read = forms.read_fields(fields, texts, masked(old) if old else None)
    payload = _told(fields, read.payload, old or {})
    entry = PayloadEntry(fields=fields, as_json=False, payload=payload, values=read.values, errors=read.errors)
    return _whole(entry, old)


def read_payload(text: str) -> dict[str, Any]:
    """A JSON object that somebody wrote. Raises Invalid at the field `payload`."""
    try:
        return msgspec.json.decode(text.strip() or "{}", type=dict[str, Any])
    except RecursionError:
        raise Invalid(DEEP, {JSON_FIELD: DEEP}) from None
    except msgspec.MsgspecError as error:
        raise Invalid("The payload is not a JSON object.", {JSON_FIELD: f"Not a JSON object: {error}."}) from error


def _of_json(fields: Sequence[PayloadField], text: str, old: dict[str, Any] | None) -> PayloadEntry:
    entry = PayloadEntry(fields=fields, as_json=True, values={JSON_FIELD: text})
    try:
        payload = read_payload(text)
    except Invalid as problem:
        return msgspec.structs.replace(entry, errors=problem.fields)
    return _whole(msgspec.structs.replace(entry, payload=payload), old)


def _whole(entry: PayloadEntry, old: dict[str, Any] | None) -> PayloadEntry:
    """With the secrets that were left hidden."""
    if old is None or entry.errors:
        return entry
    try:
        return msgspec.structs.replace(entry, payload=with_secrets(entry.payload, old))
    except Invalid as problem:
        return msgspec.structs.replace(entry, errors={JSON_FIELD: str(problem)})


def _told(fields: Sequence[PayloadField], payload: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Without what only says again what is the default, and with what the form has no field for."""
    names = {field.key for field in fields}
    usual = {field.key: field.default for field in fields}
    kept = {name: value for name, value in masked(dict(old)).items() if name not in names}
    # An empty list of boxes that was not there before and has no other default is nothing said either.
    said = {
        name: value
        for name, value in payload.items()
        if name in old or not (value == usual[name] or (value == [] and not usual[name]))
    }
    return {**kept, **said}


def entry_errors(entry: PayloadEntry, problem: Invalid) -> tuple[dict[str, str], PayloadEntry]:
    """What a service refused, beside the fields it is about: of the form around, and of the payload."""
    fields = problem.fields or {"": str(problem)}
    beside = {name: sentence for name, sentence in fields.items() if name != JSON_FIELD}
    sentence = fields.get(JSON_FIELD)
    if sentence is None:
        return beside, entry
    place = _PLACE.search(sentence)
    name = "" if entry.as_json or place is None else forms.field_of(place[1], entry.fields)
    if name == PREFIX:
        name = ""
    text = _PLACE.sub("", sentence) if name else sentence
    return beside, msgspec.structs.replace(entry, errors={name or JSON_FIELD: text})
