"""What the site remembers, in one SQLite file: applications, who signed in, and how often a try has failed.

Every change is one statement in autocommit, so a kill -9 leaves either all of it or nothing. The site calls
this from one thread; a second process on the same file waits for the first one's statement.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sandbox.careers.validate import Application

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL; -- a commit survives the process; only a power cut could take the last ones

CREATE TABLE IF NOT EXISTS applications (
    id INTEGER PRIMARY KEY,
    receipt TEXT NOT NULL UNIQUE,
    job TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    phone TEXT NOT NULL,
    cover_letter TEXT NOT NULL,
    resume_name TEXT NOT NULL,
    resume_size INTEGER NOT NULL,
    resume_sha256 TEXT NOT NULL,
    answers TEXT NOT NULL,
    idempotency_key TEXT UNIQUE,
    fingerprint TEXT NOT NULL,
    received_at TEXT NOT NULL,
    count_of_posts INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE IF NOT EXISTS sessions (
    token_sha256 TEXT PRIMARY KEY,
    email TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_email ON sessions (email);

CREATE TABLE IF NOT EXISTS failed_tries (
    job TEXT NOT NULL,
    key TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (job, key)
);
"""

# One statement decides between new, replayed and conflicting: a row the WHERE passes over is not returned.
_RECEIVE = """
INSERT INTO applications (
    receipt, job, name, email, phone, cover_letter, resume_name, resume_size, resume_sha256,
    answers, idempotency_key, fingerprint, received_at)
VALUES (
    :receipt, :job, :name, :email, :phone, :cover_letter, :resume_name, :resume_size, :resume_sha256,
    :answers, :idempotency_key, :fingerprint, :received_at)
ON CONFLICT (idempotency_key) DO UPDATE SET count_of_posts = count_of_posts + 1
    WHERE job = excluded.job AND fingerprint = excluded.fingerprint
RETURNING *
"""

_FAIL = """
INSERT INTO failed_tries (job, key, count) VALUES (?, ?, 1)
ON CONFLICT (job, key) DO UPDATE SET count = count + 1 WHERE count < ?
RETURNING count
"""


class Received(msgspec.Struct, frozen=True):
    """An application as it was received. `count_of_posts` is 1 and one more for every replay of its key."""

    receipt: str
    job: str
    name: str
    email: str
    phone: str
    cover_letter: str
    resume_name: str
    resume_size: int
    resume_sha256: str
    answers: dict[str, str]
    idempotency_key: str | None
    received_at: str
    count_of_posts: int

    @property
    def replayed(self) -> bool:
        return self.count_of_posts > 1


class Store:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "careers.sqlite3", isolation_level=None, timeout=5)
        self._database.row_factory = sqlite3.Row
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def receive(self, job: str, application: Application, key: str | None, fingerprint: str) -> Received | None:
        """Record an application, or find the one under this key; None if the key stands for another."""
        row = self._database.execute(
            _RECEIVE,
            {
                **msgspec.structs.asdict(application),
                "answers": msgspec.json.encode(application.answers).decode(),
                "receipt": f"A-{secrets.token_hex(5).upper()}",
                "job": job,
                "idempotency_key": key,
                "fingerprint": fingerprint,
                "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            },
        ).fetchone()
        return _received(row) if row else None

    def applications(self) -> Iterator[Received]:
        """All of them, oldest first."""
        return map(_received, self._database.execute("SELECT * FROM applications ORDER BY id"))

    def newest_applications(self, limit: int) -> list[Received]:
        rows = self._database.execute("SELECT * FROM applications ORDER BY id DESC LIMIT ?", (limit,))
        return [_received(row) for row in rows]

    def jobs_applied_to(self) -> dict[str, int]:
        """How many applications each job has received, the busiest first."""
        rows = self._database.execute(
            "SELECT job, count(*) FROM applications GROUP BY job ORDER BY count(*) DESC, job LIMIT 100"
        )
        return {job: count for job, count in rows}

    def clear_applications(self) -> None:
        self._database.executescript("BEGIN; DELETE FROM applications; DELETE FROM failed_tries; COMMIT;")

    def sign_in(self, email: str) -> str:
        """Start a session and return its secret token."""
        token = secrets.token_urlsafe(24)
        self._database.execute("INSERT INTO sessions VALUES (?, ?)", (_sha256(token), email.casefold()))
        return token

    def sign_out(self, token: str) -> None:
        self._database.execute("DELETE FROM sessions WHERE token_sha256 = ?", (_sha256(token),))

    def session_email(self, token: str) -> str | None:
        query = "SELECT email FROM sessions WHERE token_sha256 = ?"
        row = self._database.execute(query, (_sha256(token),)).fetchone()
        return str(row["email"]) if row else None

    def is_signed_in(self, email: str) -> bool:
        query = "SELECT EXISTS (SELECT 1 FROM sessions WHERE email = ?)"
        return bool(self._database.execute(query, (email.casefold(),)).fetchone()[0])

    def sign_everyone_out(self) -> None:
        self._database.execute("DELETE FROM sessions")

    def fail_first(self, job: str, key: str, tries: int) -> bool:
        """Count one more failed try of this key, or return False if it has already failed that often."""
        return self._database.execute(_FAIL, (job, key, tries)).fetchone() is not None

    def forget_failed_tries(self, job: str | None) -> None:
        """Of one job, or of all jobs if None."""
        self._database.execute("DELETE FROM failed_tries WHERE ? IS NULL OR job = ?", (job, job))


def _received(row: sqlite3.Row) -> Received:
    values = dict(row)
    values["answers"] = msgspec.json.decode(values["answers"])
    return msgspec.convert(values, Received)


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
