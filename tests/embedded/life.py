"""A whole life of both servers as a program, for users and capabilities other than those of the tests.

`python -m tests.embedded.life DIRECTORY` prints its uid if all went well.
"""

import os
import signal
import sys
from pathlib import Path

from holdgate.embedded import postgres, valkey
from tests.embedded.servers import client, gone, postgres_pid, sql, valkey_pid


def live(data_dir: Path) -> None:
    try:
        url = postgres.start(data_dir)
        sql(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        killed = postgres_pid(data_dir)
        os.kill(killed, signal.SIGKILL)
        postgres.start(data_dir)
        assert sql(url, "SELECT answer FROM kept") == 42
        adopted = postgres_pid(data_dir)
        postgres.start(data_dir)
        assert postgres_pid(data_dir) == adopted != killed

        url = valkey.start(data_dir)
        os.kill(valkey_pid(url), signal.SIGKILL)
        valkey.start(data_dir)
        with client(url) as connection:
            assert connection.ping()
    finally:
        postgres.stop(data_dir)
        valkey.stop(data_dir)
    assert gone(adopted)
    assert not postgres.running(data_dir)
    assert not valkey.running(data_dir)


if __name__ == "__main__":
    live(Path(sys.argv[1]))
    print(os.geteuid())
