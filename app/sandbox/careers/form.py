"""A submitted form as plain values: what `validate.py` judges and what an Idempotency-Key stands for."""

import hashlib
from dataclasses import dataclass, field

import msgspec

KEY = "Idempotency-Key"
FORM_ID = "form_id"  # the same for people: a hidden field, new on every blank form


@dataclass(frozen=True)
class SentFile:
    name: str
    data: bytes


@dataclass(frozen=True)
class SentForm:
    fields: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[SentFile]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The first value of a field, or "" if it was not sent."""
        return self.fields.get(name, [""])[0]

    def fingerprint(self) -> str:
        """SHA-256 of everything that was filled in, whatever its order and boundaries on the wire."""
        texts = sorted((name, values) for name, values in self.fields.items() if name != FORM_ID)
        files = sorted(
            (name, [(file.name, hashlib.sha256(file.data).hexdigest()) for file in sent])
            for name, sent in self.files.items()
        )
        return hashlib.sha256(msgspec.json.encode((texts, files))).hexdigest()
