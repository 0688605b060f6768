"""`make container`: checks Dockerfile and compose.yaml, builds the image's root in a clean system, and lets it work.

Needs root, Linux and debootstrap; fails without them. Everything is mounted in a name space of its own, so nothing is
left mounted, however this ends.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deploy.container import base, compose, image, journey
from deploy.servers import servers
from tests.processes import free_port

ROOT = Path(__file__).parents[2]
MARK = "HOLDGATE_CONTAINER_OWN_MOUNTS"


def main() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        sys.exit("`make container` changes its root and mounts, so it needs Linux and root.")
    if MARK not in os.environ:
        os.environ[MARK] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, "-m", "deploy.container"])
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    binaries = Path(sys.executable).parent
    subprocess.run([binaries / "hadolint", "Dockerfile"], cwd=ROOT, check=True)
    say("hadolint finds nothing")
    compose.check(ROOT, say)
    root = base.base(ROOT / ".holdgate" / "container" / base.SUITE)
    say(f"a clean root with Python {base.PYTHON}")
    with tempfile.TemporaryDirectory(prefix="holdgate-image-", ignore_cleanup_errors=True) as made:
        work = Path(made)
        work.chmod(0o755)
        built = image.build(ROOT / "Dockerfile", {base.IMAGE: root}, work / "layers", say)
        _seal(built, work)
        with servers(work / "around") as around:
            journey.travel(built, around, (free_port(), free_port()), work, say)
    say("The image does its job.")


def _seal(built: image.Image, work: Path) -> None:
    """As compose.yaml runs it: the root is read-only, /tmp is fresh, /data is a volume. And there are devices."""
    (data := work / "data").mkdir()
    user, group = map(int, built.user.split(":"))
    os.chown(data, user, group)
    image.mount("--bind", str(built.root), str(built.root))
    image.mount("-o", "remount,bind,ro", str(built.root))
    image.mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(built.root / "tmp"))
    image.mount("--bind", str(data), str(built.root / built.volumes[0].lstrip("/")))
    image.mount("--rbind", "/dev", str(built.root / "dev"))


if __name__ == "__main__":
    main()
