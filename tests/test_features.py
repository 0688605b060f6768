"""What the features declare in their `feature.py` is there, whole, and loaded only by those who need it."""

import json
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

from litestar import Router
from litestar.handlers import HTTPRouteHandler

from holdgate.asgi import API_HANDLERS, HANDLERS
from holdgate.core.paths import TEMPLATES
from holdgate.core.upkeep import Upkeep
from holdgate.feature import NavigationItem, features, parts
from holdgate.mail.letters import find_letter, letter_names

APP = Path(__file__).parents[1] / "app" / "holdgate"


def twice(names: list[str]) -> list[str]:
    return [name for name, n in Counter(names).items() if n > 1]


def test_each_feature_with_a_declaration_is_listed_once() -> None:
    declared = [import_module(f"holdgate.{path.parent.name}.feature").FEATURE for path in APP.glob("*/feature.py")]
    assert sorted(map(id, features())) == sorted(map(id, declared))


def routes_of(handler: Any) -> list[HTTPRouteHandler]:
    if isinstance(handler, Router):
        return [each for route in handler.routes for each in getattr(route, "route_handlers", ())]
    return [handler]


def test_every_route_of_a_feature_is_served() -> None:
    served = {handler.fn for each in (*HANDLERS, *API_HANDLERS) for handler in routes_of(each)}
    for path in [*APP.glob("*/pages/*.py"), *APP.glob("*/api/*.py"), *APP.glob("*/*views.py"), *APP.glob("*/api.py")]:
        module = import_module(".".join(("holdgate", *path.relative_to(APP).with_suffix("").parts)))
        found = [value for value in vars(module).values() if isinstance(value, HTTPRouteHandler)]
        assert {value.fn for value in found} <= served, f"{module.__name__} is missing from its feature"
    paths = [f"{method} {path}" for each in API_HANDLERS for path in each.paths for method in each.http_methods]
    assert not twice(paths)


def test_every_mail_has_its_letter_and_its_templates() -> None:
    templates = {path.name for path in (TEMPLATES / "emails").iterdir() if path.is_dir()}
    assert set(letter_names()) == templates - {"test_mail", "message"}, "which the doctor and a kind send by themselves"
    assert not twice([name for feature in features() for name in feature.mails])
    for name in letter_names():
        assert find_letter(name).Data


def test_everything_else_that_is_named_is_there() -> None:
    for part in ("timeline", "reasons", "people_waiting", "waiting", "intake"):
        assert parts(part)
        assert all(callable(each) for each in parts(part)), part
    assert all(each.uses_of and each.pause_uses for each in parts("made_by_tokens"))
    places = [place for feature in features() for place in feature.navigation]
    assert all(isinstance(place, NavigationItem) for place in places)
    assert not twice([f"{place.group} {place.rank}" for place in places])


def test_every_chore_has_a_name_of_its_own() -> None:
    chores: list[Upkeep] = [chore for each in parts("upkeep") for chore in each]
    assert not twice([chore.name for chore in chores])


HEAVY = ("litestar", "alembic", "fpdf", "fontTools", "uvicorn", "PIL", "obstore", "jwt")


def imported(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_a_worker_has_no_page_and_no_migration_in_memory() -> None:
    code = """
from importlib import import_module
import holdgate.worker
from holdgate.feature import parts
from holdgate.kinds import BUILT_IN
for each in BUILT_IN: import_module(each)
parts("upkeep")
"""
    assert not set(HEAVY) & imported(code)


def test_a_web_server_has_no_migration_and_nothing_of_handlers_in_memory() -> None:
    loaded = imported("import holdgate.asgi\nfrom holdgate.kinds import load_kinds\nload_kinds(())")
    assert not {"alembic", "fpdf", "PIL", "arq", "obstore", "jwt", "mcp", "aiosmtplib"} & loaded
