"""What the operating system has to do for the servers: find and end processes, run them as another user.

Run as a program it becomes that user and then the given command; `command_as` builds such a call.
"""

import ctypes
import os
import pwd
import signal
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Account(NamedTuple):
    """Who runs a server."""

    uid: int
    gid: int


def myself() -> Account:
    return Account(os.geteuid(), os.getegid())


def unprivileged() -> Account:
    """Ourselves, or `nobody` if we are root."""
    if os.geteuid() != 0:
        return myself()
    if sys.platform != "linux":
        raise OSError("root can run it on Linux only; start as an ordinary user")
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise OSError("there is no user `nobody`; start as an ordinary user") from error
    return Account(nobody.pw_uid, nobody.pw_gid)


def make_private_dir(path: Path, account: Account) -> None:
    """A directory in /tmp that only `account` (and root) can enter.

    It guards servers without passwords, so nobody else may have laid it out for us.
    """
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid in {os.geteuid(), account.uid}
    if not ours or found.st_mode & 0o077:
        raise PermissionError(
            f"{path} is not a directory that only uid {account.uid} can enter; somebody else may have put it "
            "there. Remove it and start again"
        )
    if found.st_uid != account.uid:
        os.chown(path, account.uid, account.gid)


def find(program: str, word: str) -> set[int]:
    """The live processes of `program` with `word` in their command line.

    A pid from a file proves nothing: it may be a zombie or, after a reboot, another program. A command line
    can be read by every user and in every container; a working directory needs CAP_SYS_PTRACE.
    """
    return {
        pid
        for pid, name, line in _command_lines()
        if word in line and (name.rpartition("/")[2] == program or name.startswith(f"{program}: "))
    }


def _command_lines() -> Iterator[tuple[int, str, str]]:
    """Every process as pid, first argument, whole command line (empty for a zombie)."""
    if sys.platform == "linux":
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
                yield int(entry.name), line.split("\0")[0], line
    else:
        listing = subprocess.check_output(["ps", "-axww", "-o", "pid=,args="], text=True, errors="replace")
        for row in listing.splitlines():
            pid, _, line = row.strip().partition(" ")
            yield int(pid), line.split(" -")[0], line


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def command_as(account: Account, command: list[str]) -> list[str]:
    """`command`, to be run as `account` wherever its files are.

    A fresh interpreter changes the user, not a `preexec_fn`, which may deadlock in a process with threads.
    """
    if account.uid == os.geteuid():
        return command
    return [sys.executable, "-I", "-S", __file__, str(account.uid), str(account.gid), *command]


def _become(account: Account, command: list[str]) -> None:
    """Turns this process into `command` run by `account`, able to pass directories that only root can enter.

    Such are the data directory and often its parents or the virtual environment. None of them is opened;
    instead the command inherits one ambient capability: CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE where root
    lacks the narrower one (in most containers). SECBIT_NO_SETUID_FIXUP belongs to it: without it access(2),
    by which initdb looks for its neighbours, ignores the capabilities of an ordinary user.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def prctl(*arguments: int) -> None:
        if libc.prctl(*map(ctypes.c_ulong, (*arguments, 0, 0))) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), f"prctl{arguments}")

    prctl(28, 1 << 2, 0)  # PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP
    os.setgroups([])
    os.setgid(account.gid)
    os.setuid(account.uid)
    held = int(Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0], 16)
    capability = 2 if held & 1 << 2 else 1  # CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE
    header = struct.pack("Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    if libc.capset(header, struct.pack("6I", *[1 << capability] * 3, 0, 0, 0)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "capset")
    prctl(47, 2, capability)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    _become(Account(int(sys.argv[1]), int(sys.argv[2])), sys.argv[3:])
