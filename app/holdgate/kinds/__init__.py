"""The built-in task kinds, and how these and a project's own are loaded: importing a module registers its kinds."""

import sys
from collections.abc import Sequence
from importlib import import_module

from holdgate.core.errors import AppError
from holdgate.core.text.source_line import source_line

BUILT_IN: tuple[str, ...] = (
    "holdgate.kinds.application_follow_up",
    "holdgate.kinds.application_submit",
    "holdgate.kinds.approval_request",
    "holdgate.kinds.board_watch",
    "holdgate.kinds.email_message",
    "holdgate.kinds.email_send",
    "holdgate.kinds.http_request",
    "holdgate.kinds.image_process",
    "holdgate.kinds.report_generate",
    "holdgate.kinds.sample_task",
    "holdgate.kinds.webhook_deliver",
)


class KindsNotLoaded(AppError):
    """A module that KINDS names cannot be imported. The sentence names the line of its code that is at fault."""


def load_kinds(modules: Sequence[str]) -> None:
    """Import the built-in kinds and these modules, from the current folder, too.

    Raises:
        KindsNotLoaded
    """
    if "" not in sys.path:
        sys.path.insert(0, "")  # as with `python -m`; a script's path begins with its own folder
    for module in (*BUILT_IN, *modules):
        try:
            import_module(module)
        except (Exception, SystemExit) as error:
            raise KindsNotLoaded(_told(module, error)) from error


def _told(module: str, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
        return (
            f"The settings name the kinds of {module}, but there is no module {error.name}. Run this in your project's"
            " folder, or install the project."
        )
    place = source_line(error)
    return f"The kinds of {module} cannot be loaded: {type(error).__name__}: {error}" + (f"\n{place}" if place else "")
