"""`python -m sandbox.careers`: serve the careers site on loopback until told to stop."""

import argparse
import contextlib
import socket
import sys
from pathlib import Path

import uvicorn

from sandbox.careers.connection import Connection
from sandbox.careers.site import create_site
from sandbox.careers.store import Store

HOST = "127.0.0.1"  # it has a side door without a lock, so nobody else's machine may reach it


def main() -> None:
    """Print the site's address as the only line of standard output once it accepts connections, and serve."""
    options = _options()
    try:
        listener = _listen(options.port)
    except OSError as error:
        sys.exit(f"careers: cannot listen on {HOST}:{options.port}: {error.strerror}")
    store = Store(options.data_dir)
    try:
        sys.stdout.write(f"http://{HOST}:{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config(
            create_site(store),
            http=Connection,
            ws="none",
            loop="asyncio",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        store.close()


class _Options(argparse.Namespace):
    port: int
    data_dir: Path


def _options() -> _Options:
    parser = argparse.ArgumentParser("python -m sandbox.careers", description="The development careers site.")
    parser.add_argument("--port", type=int, default=8090, help="0 picks a free one (default: %(default)s)")
    parser.add_argument("--data-dir", type=Path, default=Path(".holdgate/careers"), metavar="DIR")
    return parser.parse_args(namespace=_Options())


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(2048)  # from here on clients connect and wait, even while uvicorn is still starting
    return listener


if __name__ == "__main__":
    main()
