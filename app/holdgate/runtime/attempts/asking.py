"""Questions to people. The first time each holds the task; when the handler runs again it returns the answer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import UUID

from holdgate.approvals import values as approval_values
from holdgate.approvals.choices import Choices, Option
from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.forms import FormField
from holdgate.approvals.states import HoldType
from holdgate.approvals.values import SUGGESTED, Answer, AskOutcome, Question, pace_of
from holdgate.core.text.typed import read_as
from holdgate.runtime.attempts.durable import DurableAttempt
from holdgate.runtime.errors import Asleep, Held, LeaseLost, PermanentError, TaskEnded
from holdgate.tasks.kinds import find_kind

if TYPE_CHECKING:
    from holdgate.approvals.versions import Latest
    from holdgate.core.db import ReadSession, WriteSession

F = TypeVar("F")


class AskingAttempt(DurableAttempt):
    """An attempt that may ask."""

    @cached_property
    def _changes_passed(self) -> set[UUID]:
        """Requests for changes that the handler has been given: what it asks after one is the next version."""
        return set()

    async def approval(
        self,
        step: str,
        *,
        title: str,
        show: Any,
        form: type[F] | None = None,
        values: F | None = None,
        recipients: tuple[str, ...] = (),
        needed: int | Mapping[str, int] = 1,
        self_approval: bool = True,
        level: Literal["link", "sign-in"] = "link",
        ttl: timedelta | Literal["suggested"] | None = None,
        clock: Literal["wall", "working"] = "wall",
        urgent: bool = False,
        take_back: timedelta | None = None,
        options: Sequence[Option] = (),
        request_changes: bool = False,
        on_reject: Literal["stop", "continue"] = "stop",
        on_expire: str = "stop",
    ) -> Answer[F]:
        """Ask people whether to go on. Holds the task the first time; afterwards returns the decision.

        What can never be had, two approvals of one person say, is a permanent error.

        Args:
            step: names the question; asking it again finds the answer, if what is shown is still the same. Another
                title, `show` or form is another question: people are asked anew, and told what changed.
            title: what exactly will be done, one line.
            show: what is decided about, plain data or a struct; shown as it is. It must come from the payload and from
                steps, so that it is the same when the handler runs again.
            form: a struct, dataclass or pydantic model of text, number and choice fields that the person may edit;
                `values` prefills it.
            recipients: e-mail addresses, and groups as `group:security`; the task's owner when empty. Who is in a group
                is settled when it asks.
            needed: how many different people must approve. With one, whoever is first decides; with several nobody can
                change the form, and it is rejected as soon as too few are left. Or how many of which groups, each
                person counting once: `{"security": 1, "finance": 1}`; those groups are asked then.
            self_approval: False bars the task's owner and whoever started its run.
            level: `sign-in` asks people to sign in as the address they were asked at; no link and no token is enough.
            ttl: time to decide, counted from the first delivered mail, or `suggested`: by what people needed so far for
                tasks of the kind. By default what the kind says, or `APPROVAL_TTL`.
            clock: `working` counts the working hours of those asked alone; it ends when the last of them had all of it.
            urgent: reminders come in people's quiet hours as well. Nothing else is different.
            take_back: how long the task waits once it is approved, so that the approval can still be undone;
                `APPROVAL_TAKE_BACK` by default.
            options: up to five named decisions in place of approving and rejecting; `answer.option` is the one chosen.
            request_changes: people may ask for changes instead: `answer.changes` is what they want. Asking again under
                the same step is the next version, and shows them what has changed.
            on_reject, on_expire: `stop` ends the task so; `continue` returns the decision as a value. `on_expire` may
                also be `escalate:group:leads`: once, that group is asked as well, with as much time again.
        """
        time = ttl or find_kind(self.task.kind).approval_ttl
        with _permanent():
            question = Question(
                hold=HoldType.APPROVAL,
                step=step,
                title=title,
                shown=show,
                fields=approval_values.form_of(form, values),
                recipients=recipients,
                needed=needed,
                self_approval=self_approval,
                level=level,
                ttl=time if isinstance(time, timedelta) else self.settings.approval_ttl,
                suggested_ttl=time == SUGGESTED,
                clock=clock,
                urgent=urgent,
                take_back=self.settings.approval_take_back if take_back is None else take_back,
                choices=Choices(tuple(options), request_changes),
                continues_on_reject=on_reject == "continue",
                continues_on_expire=on_expire == "continue",
                escalates_to=approval_values.escalation_of(step, on_expire),
            )
        answer = await self._ask(question)
        filled = read_as(form, answer.form, strict=False) if answer.approved and form else None
        return Answer(answer.decision, filled, answer.by, answer.reason, answer.option)

    async def ask(
        self,
        step: str,
        *,
        title: str,
        fields: Sequence[FormField],
        show: Any = None,
        recipients: tuple[str, ...] = (),
        ttl: timedelta | None = None,
    ) -> Answer[dict[str, Any]]:
        """Ask people for answers (`needs_input`). The answers are found by the fields' names.

        Args:
            recipients: email addresses and groups (`group:finance`), of whom one answers; the task's owner when empty.
            ttl: time to answer; without it there is no end.
        """
        shown = {} if show is None else show
        with _permanent():
            question = Question(
                hold=HoldType.INPUT,
                step=step,
                title=title,
                shown=shown,
                fields=tuple(fields),
                recipients=recipients,
                ttl=ttl,
            )
        return await self._ask(question)

    async def sign_in(self, step: str, *, title: str, url: str) -> Answer[dict[str, Any]]:
        """Ask the task's owner to sign in somewhere (`needs_auth`) and to say when it is done."""
        with _permanent():
            question = Question(hold=HoldType.SIGN_IN, step=step, title=title, shown={"url": url})
        return await self._ask(question)

    async def _ask(self, question: Question, *, begun: bool = False) -> Answer[dict[str, Any]]:
        """Args:
        begun: the task began with this question.
        """
        self._go_on()
        # A first attempt has asked nothing so far; if it has all the same, the statement that asks finds that.
        if self.attempt == 1 and not begun and (ended := await self._put(question, None)) is not None:
            raise self._end(ended)
        return await self._ask_again(question)

    async def _ask_again(self, question: Question) -> Answer[dict[str, Any]]:
        from holdgate.approvals import versions
        from holdgate.approvals.requests import requesting

        task = self.task

        async def before(session: "ReadSession") -> "tuple[Latest, Latest]":
            latest = await versions.latest(session, task.id, question.step)
            if latest is None or not question.choices.changes:
                return latest, None
            asked = (task.id, question.step, question.version)
            return latest, await versions.changes_requested(session, *asked, self._changes_passed)

        # It stays the latest: only this attempt can ask for more, or is refused by the fence.
        latest, changes = await self._insist.read(question.step, before)
        if changes is not None:
            self._changes_passed.add(changes.id)
            return versions.answer_of(changes)
        decided = versions.decision_on(latest, question.version, task.round)
        if decided is None:
            raise self._end(await self._put(question, latest) or LeaseLost(task.id))

        async def wait(session: "WriteSession") -> bool:
            return await requesting.wait_for_undo(session, task, decided)

        async def sleeps(session: "ReadSession") -> bool | None:
            return None if await self._runs(session) else True

        if decided.goes_on_at is not None and await self._insist.write(question.step, wait, sleeps):
            raise self._end(Asleep())
        return versions.answer_of(decided)

    async def _put(self, question: Question, latest: "Latest") -> TaskEnded | None:
        """How the attempt has ended by asking. None: the step has asked something else last than `latest`."""
        from holdgate.approvals.requests import requesting

        async def put(session: "WriteSession") -> TaskEnded | None:
            with _permanent():
                pace, signup = pace_of(self.settings), self.settings.signup
                outcome = await requesting.ask(session, self.task, question, latest, signup=signup, pace=pace)
            if outcome is AskOutcome.UNKNOWN:
                return None
            return Held() if outcome is AskOutcome.ASKED else LeaseLost(self.task_id)

        async def holds(session: "ReadSession") -> TaskEnded | None:
            return None if await self._runs(session) else Held()

        return await self._insist.write(question.step, put, holds, one=True)


async def put_question(attempt: AskingAttempt, question: Question) -> Answer[dict[str, Any]]:
    """Put the question with which its task began, ready made, for the kinds of Holdgate itself."""
    return await attempt._ask(question, begun=True)


@contextmanager
def _permanent() -> Iterator[None]:
    """What a handler asks and people can never answer is no use trying again."""
    try:
        yield
    except QuestionImpossible as problem:
        raise PermanentError(str(problem)) from None
