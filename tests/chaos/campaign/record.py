"""What this campaign itself knows: what it was promised, what people decided, what the world outside has seen."""

import email
import email.policy
import json
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.chaos.campaign.employer import SentApplication, sent_applications


@dataclass
class Decision:
    """What one person has said of one request, by its title. `wish` is what they entered in its form; `told`: the page
    has confirmed it."""

    title: str
    person: str
    verb: str
    wish: str
    told: bool = False


@dataclass
class Record:
    """Written by those who load the installation, read by the checker alone."""

    folder: Path
    acknowledged: dict[str, UUID] = field(default_factory=dict)  # by the name in the payload
    asked_for: set[str] = field(default_factory=set)  # sent, whether acknowledged or not
    undecided: set[str] = field(default_factory=set)  # titles of requests that people leave alone
    decisions: list[Decision] = field(default_factory=list)
    applications_for: set[str] = field(default_factory=set)  # postings of runs that were acknowledged, by their names
    runs: list[UUID] = field(default_factory=list)
    bulk: list[UUID] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # answers that no fault explains

    def mails(self) -> list[EmailMessage]:
        found = [email.message_from_string(one["mail"], policy=email.policy.default) for one in self._lines("smtp")]
        return [one for one in found if isinstance(one, EmailMessage)]

    def requests(self, path: str) -> list[dict[str, Any]]:
        """What has reached the web server outside at this path."""
        return [one for one in self._lines("http") if one["path"] == path]

    def applications(self) -> list[SentApplication]:
        """What has reached the employers' sites."""
        return sent_applications(self._lines("http"))

    def _lines(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / f"{name}.jsonl"
        if not path.exists():
            return []
        # The last line may be one that a killed process has not finished.
        lines = path.read_text().split("\n")
        return [json.loads(line) for line in lines[:-1] if line.startswith("{") and line.endswith("}")]
