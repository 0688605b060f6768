"""Refusals of the audit."""

from holdgate.core.errors import Invalid


class LookupTooSlow(Invalid):
    def __init__(self) -> None:
        super().__init__("This takes too long to look up in a log of this size. Narrow it: a time, a task, a person.")
