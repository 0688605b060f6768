"""Refusals of the queue."""

from holdgate.core.errors import Conflict, Invalid, NotFound
from holdgate.tasks.states import TaskState


class TaskNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such task, or it belongs to somebody else.")


class IllegalMove(Conflict):
    """The task is not in a state from which `verb` leads anywhere."""

    def __init__(self, verb: str, state: TaskState) -> None:
        super().__init__(f"A task that is {state.replace('_', ' ')} cannot be told to {verb.replace('_', ' ')}.")


class SubjectTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("A run has one task for each subject, and there is one already. Nothing was made.")


class UnknownKind(Invalid):
    def __init__(self, name: str, known: list[str]) -> None:
        sentence = f"There is no task kind {name!r}. Known kinds: {', '.join(known) or 'none'}."
        super().__init__(sentence, {"kind": sentence})


class PayloadMismatch(Invalid):
    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(f"The payload does not fit {kind}: {problem}.", {"payload": problem})
