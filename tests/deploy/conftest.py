"""Programs that some of these tests run for real; .ci/run installs them."""

import os
import shutil

import pytest

NEEDED = {"test_proxies.py": ("nginx", "caddy"), "test_prometheus.py": ("promtool", "prometheus")}
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without them, leave these out and say so; in CI that is a failure."""
    left = []
    for item in items:
        missing = [name for name in NEEDED.get(item.path.name, ()) if shutil.which(name, path=PATH) is None]
        if item.path.parent.name == "deploy" and missing:
            if os.environ.get("CI"):
                pytest.exit(f"CI needs {' and '.join(missing)} for tests/deploy.", returncode=1)
            left.append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
