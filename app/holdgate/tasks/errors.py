"""Refusals of the queue."""

from holdgate.core.errors import Conflict, Invalid, NotFound
from holdgate.core.text.verbs import past
from holdgate.tasks.states import TaskState

STATE_WORDS = {
    TaskState.DEAD_LETTER: "failed",
    TaskState.PENDING_APPROVAL: "waiting for approval",
    TaskState.NEEDS_INPUT: "waiting for input",
    TaskState.NEEDS_AUTH: "waiting for a sign-in",
}


class TaskNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such task, or it belongs to somebody else.")


class IllegalMove(Conflict):
    """The task is not in a state from which `verb` leads anywhere."""

    def __init__(self, verb: str, state: TaskState) -> None:
        super().__init__(f"Tasks can’t be {past(verb)} while {STATE_WORDS.get(state, state.replace('_', ' '))}.")


class SubjectTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("This run already has a task for this subject. Nothing was created.")


class UnknownKind(Invalid):
    def __init__(self, name: str, known: list[str]) -> None:
        sentence = f"Unknown kind {name!r}. Known kinds: {', '.join(known) or 'none'}."
        super().__init__(sentence, {"kind": sentence})


class PayloadMismatch(Invalid):
    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(f"Invalid payload for {kind}: {problem}.", {"payload": problem})
