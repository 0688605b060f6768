"""Refusals about groups."""

from holdgate.core.errors import Conflict, Invalid, NotFound


class GroupNotFound(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is no group named “{name[:60]}”.")


class GroupExists(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is a group named “{name}” already. Add people to it, or choose another name.")


class BadGroupName(Invalid):
    def __init__(self) -> None:
        sentence = (
            "A group’s name has up to 50 small letters, digits, dots, hyphens and underscores, and begins and ends "
            "with a letter or a digit, as in “security”."
        )
        super().__init__(sentence, {"name": sentence})


class FullGroup(Invalid):
    def __init__(self, name: str, most: int) -> None:
        sentence = f"The group “{name}” would have more than {most} members. Make a second group."
        super().__init__(sentence, {"members": sentence})
