"""The careers site as a real process, and what a client of it does most."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

PROJECT = Path(__file__).parents[2]
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n%%EOF"
APPLICATION = {
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "phone": "+44 20 7946 0018",
    "cover_letter": "Dear all,\n\nI would like to work with you.\n",
}

File = tuple[str, bytes, str]


class Site:
    """Runs from construction until `stop` or `kill`; use it as a context manager."""

    def __init__(self, data_dir: Path) -> None:
        command = [sys.executable, "-m", "sandbox.careers", "--port", "0", "--data-dir", str(data_dir)]
        self.process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        assert self.url, "the site did not start"
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def apply(
        self,
        slug: str,
        key: str | None = None,
        *,
        resume: File | None = ("cv.pdf", PDF, "application/pdf"),
        headers: dict[str, str] | None = None,
        **changes: Any,
    ) -> httpx.Response:
        """Send Ada's application; a change of None leaves that field out."""
        fields = {name: value for name, value in {**APPLICATION, **changes}.items() if value is not None}
        # An unnamed part keeps httpx at multipart even without a file.
        files = {"resume": resume} if resume else {"unused": (None, "")}
        key_header = {"Idempotency-Key": key} if key else {}
        return self.client.post(
            f"/jobs/{slug}/apply", data=fields, files=files, headers={**key_header, **(headers or {})}
        )

    def order(self, slug: str, **order: Any) -> None:
        self.client.post(f"/_control/{slug}", json=order).raise_for_status()

    def reset(self, slug: str) -> None:
        self.client.delete(f"/_control/{slug}").raise_for_status()

    def sign_in(self, email: str) -> httpx.Response:
        return self.client.post("/login", data={"email": email, "password": "anything"})

    def received(self, slug: str) -> list[dict[str, Any]]:
        everything = self.client.get("/applications.json").raise_for_status().json()
        return [application for application in everything if application["job"] == slug]

    def stop(self) -> None:
        self.process.terminate()
        self._reap()

    def kill(self) -> None:
        self.process.kill()
        self._reap()

    def __enter__(self) -> "Site":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.returncode is None:
            self.kill()

    def _reap(self) -> None:
        self.client.close()
        self.process.wait(timeout=30)
        if self.process.stdout:
            self.process.stdout.close()
