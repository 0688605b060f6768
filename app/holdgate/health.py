"""`python -m holdgate.health`: exit status 0 if the web server or the worker of this container lives.

Runs twice a minute in every container, so it imports nothing of ours. Who listens tells which of the two it is.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

SECONDS = 3.0


def lives(port: int) -> bool | None:
    """What `/livez` on that port says. None: nobody listens there."""
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except ConnectionRefusedError:
        return None
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    ports = (int(os.environ.get("PORT") or 8000), int(os.environ.get("METRICS_PORT") or 0))
    found = [answer for port in ports if port and (answer := lives(port)) is not None]
    return 0 if found and all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
