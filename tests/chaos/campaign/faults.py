"""The faults of a campaign, what must work again after each, and within which time."""

import signal
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tests.chaos.campaign.strikes import (
    Strike,
    end_web,
    end_worker,
    freeze_valkey,
    kill_backend,
    kill_outside,
    kill_valkey,
    kill_web,
    kill_worker,
    lock_tables,
    long_transaction,
    outside,
    restart_postgres,
    silence,
    stop_web,
    stop_worker_for_long,
    store_full,
    store_refuses,
    tell_valkey,
    terminate_backends,
    worker_with_wrong_clock,
)

Probe: TypeAlias = Literal["work", "mail", "file"]


@dataclass(frozen=True)
class Fault:
    """What strikes, and what shows that all works again."""

    strike: Strike
    probe: Probe = "work"


FAULTS: dict[str, Fault] = {
    "worker killed (-9)": Fault(kill_worker),
    "worker stopped beyond its lease": Fault(stop_worker_for_long),
    "worker ended (SIGTERM)": Fault(end_worker),
    "worker with a wrong clock": Fault(worker_with_wrong_clock),
    "web server killed (-9)": Fault(kill_web),
    "web server ended (SIGTERM)": Fault(end_web),
    "web server stopped": Fault(stop_web),
    "PostgreSQL stopped, fast": Fault(restart_postgres(signal.SIGINT)),
    "PostgreSQL stopped, immediate": Fault(restart_postgres(signal.SIGQUIT)),
    "a backend killed (-9)": Fault(kill_backend),
    "backends terminated": Fault(terminate_backends),
    "connections fall silent": Fault(silence),
    "tables locked": Fault(lock_tables),
    "a long transaction": Fault(long_transaction),
    "Valkey killed": Fault(kill_valkey),
    "Valkey frozen": Fault(freeze_valkey),
    "Valkey flushed": Fault(tell_valkey("FLUSHALL")),
    "Valkey paused": Fault(tell_valkey("CLIENT", "PAUSE", 3000, "ALL", lasts=3.0)),
    "mail server refuses": Fault(outside("smtp", "refuse"), probe="mail"),
    "mail server greylists": Fault(outside("smtp", "greylist"), probe="mail"),
    "mail server hangs": Fault(outside("smtp", "hang"), probe="mail"),
    "mail server drops after accepting": Fault(outside("smtp", "drop"), probe="mail"),
    "mail server killed": Fault(kill_outside("smtp"), probe="mail"),
    "HTTP answers 500": Fault(outside("http", "error")),
    "HTTP hangs": Fault(outside("http", "hang")),
    "HTTP answers too late": Fault(outside("http", "late")),
    "HTTP server killed": Fault(kill_outside("http")),
    "artifact store refuses": Fault(store_refuses, probe="file"),
    "artifact store full": Fault(store_full, probe="file"),
}
CLOCK = "worker with a wrong clock"
# What strikes beside the servers' faults: the world outside, and what others do in the database.
OUTSIDE = tuple(name for name in FAULTS if name.startswith(("mail", "HTTP", "artifact", "a long")))
