"""Which jobs exist: every well-formed slug is one, so that nobody has to create a job before applying."""

import re

import msgspec

SHORTCUTS = {
    "flaky-": "answers 503 to the first two tries",
    "slow-": "takes three seconds to answer",
    "members-": "wants the applicant to sign in first",
}
ASKS_QUESTIONS = "-q"

SAMPLES = (
    "backend-developer",
    "data-analyst-q",
    "office-manager",
    "flaky-site-reliability-engineer",
    "slow-technical-writer",
    "members-product-designer",
)

_SLUG = re.compile(r"[a-z0-9-]{1,80}")


class Question(msgspec.Struct, frozen=True):
    name: str
    label: str
    required: bool
    type: str
    options: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        return f"answers[{self.name}]"


QUESTIONS = (
    Question("work_permit", "Are you allowed to work in the EU?", True, "select", ("yes", "no")),
    Question("salary", "What salary do you have in mind?", False, "text"),
)


class Job(msgspec.Struct, frozen=True):
    slug: str
    title: str
    questions: tuple[Question, ...]


def is_slug(text: str) -> bool:
    return _SLUG.fullmatch(text) is not None


def find_job(slug: str, asks: bool | None = None) -> Job | None:
    """The job of a slug, None if that is malformed. `asks` overrules what the slug says about questions."""
    if not is_slug(slug):
        return None
    if asks is None:
        asks = slug.endswith(ASKS_QUESTIONS)
    return Job(slug, _title(slug), QUESTIONS if asks else ())


def shortcut_of(slug: str) -> str | None:
    return next((prefix for prefix in SHORTCUTS if slug.startswith(prefix)), None)


def _title(slug: str) -> str:
    words = slug.removeprefix(shortcut_of(slug) or "").removesuffix(ASKS_QUESTIONS).replace("-", " ").split()
    title = " ".join(words)
    return title[:1].upper() + title[1:] or "Job"
