"""Where in the developer's own code an error arose: the line that a person wants to see first."""

import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_OURS = str(Path(__file__).parents[2])
_BUILT_IN = str(Path(_OURS) / "kinds")
_PYTHON = sysconfig.get_paths()["stdlib"]
_INSTALLED = ("site-packages", "dist-packages")


class SourceLine(NamedTuple):
    """A place in a file; `code` is the line as it stands there, without its indentation."""

    file: str
    line: int
    function: str
    code: str

    def __str__(self) -> str:
        return f'File "{self.file}", line {self.line}, in {self.function}\n  {self.code}'


def source_line(error: BaseException) -> SourceLine | None:
    """The innermost line outside of Python, of Holdgate and of installed packages; else of a built-in kind."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return SourceLine(_short(error.filename), error.lineno, "<module>", (error.text or "").strip())
    return own_line(traceback.extract_tb(error.__traceback__))


def own_line(stack: Sequence[traceback.FrameSummary]) -> SourceLine | None:
    """As `source_line`, of a stack whose innermost frame is the last."""
    frames = [frame for frame in stack if not frame.filename.startswith("<")]
    own = [frame for frame in frames if _own(frame.filename)]
    built_in = [frame for frame in frames if frame.filename.startswith(_BUILT_IN)]
    if not (chosen := own or built_in):
        return None
    last = chosen[-1]
    return SourceLine(_short(last.filename), last.lineno or 0, last.name, last.line or "")


def _own(file: str) -> bool:
    foreign = any(part in Path(file).parts for part in _INSTALLED)
    return not foreign and not file.startswith((_OURS, _PYTHON))


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
