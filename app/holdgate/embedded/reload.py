"""Notices changes of a project's code, for `holdgate dev --reload`."""

import threading
from collections.abc import Callable, Set
from pathlib import Path

SUFFIXES = (".py", ".toml", ".html", ".env")
INSTALLED = "site-packages"


class CodeWatch:
    """The files of a folder that have changed since somebody asked; none of hidden folders and installed packages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._lock = threading.Lock()
        self._changed: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="reload", daemon=True)
        self._thread.start()

    def changed(self) -> Set[str]:
        with self._lock:
            found, self._changed = self._changed, set()
        return found

    def wait(self, stopping: Callable[[], bool]) -> bool:
        """Until something has changed. False: it is time to stop."""
        while not stopping():
            if self.changed():
                return True
            self._stop.wait(0.1)
        return False

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2)

    def _watch(self) -> None:
        from watchfiles import watch

        for changes in watch(self._folder, watch_filter=lambda _, path: self._counts(path), stop_event=self._stop):
            with self._lock:
                self._changed |= {str(Path(path).relative_to(self._folder)) for _, path in changes}

    def _counts(self, path: str) -> bool:
        *folders, name = Path(path).relative_to(self._folder).parts or ("",)
        hidden = INSTALLED in folders or any(folder.startswith(".") for folder in folders)
        return not hidden and name.endswith(SUFFIXES)
