"""One setting of the table."""

import msgspec

from holdgate.core.settings.types import SettingType


class Setting(msgspec.Struct, frozen=True):
    """A variable of the environment: what it may be, in which group of the docs, and what it means (Markdown).

    `required`: in production. `unset` says what holds when it is not set, where that is no fixed value, and `example`
    what the example has then. `variable` is the field's name in capitals unless said otherwise.
    """

    field: str
    type: SettingType
    group: str
    about: str
    required: bool = False
    unset: str = ""
    example: str = ""
    variable: str = ""

    @property
    def name(self) -> str:
        return self.variable or self.field.upper()

    def problem(self, text: str, default: str) -> str:
        """A sentence about a value that is none, without what may be a secret. `default`: as one writes it."""
        what = f"{self.name} must be" if self.type.secret else f"{self.name} is {text[:80]!r}, but must be"
        otherwise = f" for {default}" if default else ""
        return f"{what} {self.type.words}. Correct it{'' if self.required else ', or leave it out' + otherwise}."
