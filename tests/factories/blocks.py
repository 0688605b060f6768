"""A request that shows one block of each type."""

import io
from collections.abc import Awaitable, Callable

from PIL import Image

from holdgate import (
    DiffBlock,
    FieldsBlock,
    FileBlock,
    ImageBlock,
    JsonBlock,
    LinkBlock,
    MarkdownBlock,
    StoredArtifact,
    TableBlock,
    TextBlock,
)
from holdgate.approvals.blocks import AnyBlock
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.tasks.artifacts import store_artifact
from holdgate.tasks.queue.claims import Claimed

MARKDOWN = """# Release 2.4

Deploys **eight** services; see [the plan](https://wiki.example.org/plan).

- database first
- then `web`

```
kubectl apply -f release.yaml --namespace=a-rather-long-namespace-that-does-not-fit-on-a-phone
```

> Nobody works on Friday.
"""
BEFORE = "replicas: 2\nimage: web:2.3\n" + "unchanged: yes\n" * 12 + "memory: 512Mi\n"
AFTER = "replicas: 4\nimage: web:2.4\n" + "unchanged: yes\n" * 12 + "memory: 768Mi\n"


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (1200, 40), "teal").save(file, "PNG")
    return file.getvalue()


async def kept(
    database: Database, settings: Settings, task: Claimed, name: str, data: bytes, content_type: str
) -> StoredArtifact:
    of = (task.id, task.attempt)
    made = await store_artifact(database, settings, "worker:test", of, name, data, content_type)
    assert made is not None
    return made


def every_block(database: Database, settings: Settings) -> Callable[[Claimed], Awaitable[list[AnyBlock]]]:
    async def shown(task: Claimed) -> list[AnyBlock]:
        chart = await kept(database, settings, task, "load.png", picture(), "image/png")
        plan = await kept(database, settings, task, "plan.pdf", b"%PDF-1.4 plan %%EOF", "application/pdf")
        return [
            TextBlock("Two lines\nof a text.", label="Summary"),
            MarkdownBlock(MARKDOWN, label="Notes"),
            FieldsBlock({"Service": "web", "Replicas": 4, "Rollback": True, "Ticket": None}),
            TableBlock(["Region", "Requests"], [["eu-central", 1200], ["us-east", 800]], label="Load"),
            DiffBlock(BEFORE, AFTER, label="release.yaml"),
            JsonBlock({"image": "web:2.4", "env": ["A=1", "B=" + "x" * 80]}, label="Manifest"),
            ImageBlock(chart, label="Chart", alt="The load of the last week, flat at 40 %."),
            FileBlock(plan, label="Plan"),
            LinkBlock("https://wiki.example.org/plan?id=" + "4" * 60, label="Runbook"),
        ]

    return shown
