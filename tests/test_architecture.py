"""The house rules that a machine can check: which way imports run, and the single homes."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
APP = ROOT / "app" / "holdgate"

ENTRIES = (
    "__init__",
    "asgi",
    "worker",
    "cli",
    "development",
    "features",
    "schema",
    "testing",
    "verify",
    "client",
    "health",
)
ENTRY_FOLDERS = {"cli", "client", "testing"}
# A folder may import those to its right, never to its left.
ORDER = (
    "kinds",
    "personal_data",
    "doctor",
    "runtime",
    "overview",
    "alarms",
    "applications",
    "postings",
    "audit",
    "approvals",
    "schedules",
    "runs",
    "webhooks",
    "bulk",
    "groups",
    "accounts",
    "mail",
    "tasks",
    "stats",
    "api",
    "web",
    "feature",  # what a feature declares: one module
    "core",
)
# Stand for themselves: the development servers know only settings, and who sends load is a program like others: it
# knows the API by its client. So are the tools of MCP, which the web server offers beside the API.
APART = {"embedded": {"core"}, "load": {"core", "client"}, "mcp": {"core", "client", "web", "api"}}
# Within a feature: pages and API → service → queries → models.
LAYERS = ("service", "queries", "models")
# Where a feature meets a browser or a program.
FACES = (".pages.", ".api.", ".views", ".live_views", ".api")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports() -> dict[str, set[str]]:
    """Module → what it imports, anywhere in it."""
    found: dict[str, set[str]] = {}
    for path in APP.rglob("*.py"):
        module = ".".join(path.relative_to(APP.parent).with_suffix("").parts)
        names: set[str] = set()
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{module} imports relatively"
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
        found[module] = names
    return found


def folder(module: str) -> str:
    return module.split(".")[1] if module.count(".") else ""


FEATURES = {name for name in ORDER if name not in ("kinds", "runtime", "api", "web", "feature", "core")}


def wrong_way(here: str, name: str) -> bool:
    """Whether a module of the folder `here` may not import `name`."""
    if not name.startswith("holdgate.") or here in ENTRIES or not here:
        return False
    there = folder(name)
    if there == here:
        return False
    if here in APART:
        return there not in APART[here]
    return there in ENTRIES or there in APART or ORDER.index(there) < ORDER.index(here)


def test_imports_run_one_way() -> None:
    assert [
        f"{module} imports {name}"
        for module, names in imports().items()
        for name in sorted(names)
        if wrong_way(folder(module), name)
    ] == []


def test_every_folder_has_its_place() -> None:
    folders = {path.name for path in APP.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ORDER) - {"feature"} | set(APART) | ENTRY_FOLDERS


def test_a_feature_uses_no_other_features_inner_layers_wrongly() -> None:
    wrong = []
    for module, names in imports().items():
        inner = next((layer for layer in LAYERS if module.endswith(layer)), None)
        if folder(module) not in FEATURES or inner is None:
            continue
        for name in sorted(names):
            parts = name.split(".")
            if parts[0] != "holdgate" or len(parts) < 3:
                continue
            if parts[1] == "web" or any(face in f"{name}." for face in (".pages.", ".views.")):
                wrong.append(f"{module} imports {name}, of the pages")
            if inner in ("queries", "models") and parts[1:3] == [folder(module), "service"]:
                wrong.append(f"{module} imports its service")
    assert wrong == []


# Rows that a feature's functions take and give, and tables that others' statements join. Whoever reads a task reads it
# with its state, which the queue alone writes; there is no second picture of it to keep in step.
PUBLIC_ROWS = {"holdgate.tasks.models.Task", "holdgate.runs.models.Run"}
# The runtime is the queue's engine: it writes the rows of its workers.
ENGINE = {("runtime", "holdgate.tasks.queue.models.Worker")}


def private(name: str) -> bool:
    return any(part in ("models", "rules") or part.endswith("queries") for part in name.split(".")[2:])


def test_no_feature_looks_into_another() -> None:
    """Not at its models, statements and rules: what it has for others is in its other modules."""
    assert [
        f"{module} imports {name}"
        for module, names in imports().items()
        for name in sorted(names)
        if folder(module) in ORDER
        and folder(name) in FEATURES - {folder(module)}
        and private(name)
        and name not in PUBLIC_ROWS
        and (folder(module), name) not in ENGINE
    ] == []


def test_no_module_hands_on_another_modules_function() -> None:
    """`find_run = queries.find_run` in a service would be a way around that."""
    handed = re.compile(r"^(\w+) = \w*queries\.\1$", re.MULTILINE)
    assert not [str(path.relative_to(APP)) for path in APP.rglob("*.py") if handed.search(path.read_text())]


# (what, modules that may)
HOMES = (
    ("arq", ("holdgate.worker",)),
    ("aiosmtplib", ("holdgate.mail.smtp",)),
    (
        "litestar",
        (
            "holdgate.asgi",
            "holdgate.web.",
            "holdgate.api.",
            ".pages.",
            "views",
            ".api.",
            "api",
            "holdgate.accounts.sign_in.session_auth",
            "holdgate.accounts.tokens.bearer",
        ),
    ),
    ("jinja2", ("holdgate.web.", "holdgate.mail.message", "holdgate.kinds.report.page")),
    (
        "redis",
        (
            "holdgate.worker",
            "holdgate.asgi",
            "holdgate.runtime.doorbell",
            "holdgate.web.",
            "holdgate.embedded.",
            "holdgate.doctor.",
        ),
    ),
    ("cronsim", ("holdgate.schedules.cron",)),
    ("cryptography", ("holdgate.core.signing",)),
    ("obstore", ("holdgate.core.files",)),
    ("PIL", ("holdgate.kinds.image.",)),
    ("fpdf", ("holdgate.kinds.report.",)),
    ("markdown_it", ("holdgate.web.markdown",)),
    ("jwt", ("holdgate.accounts.tokens.jwt", "holdgate.accounts.tokens.jwks")),
    (
        "httpx",
        (
            *("holdgate.core.network.outgoing", "holdgate.kinds."),
            *("holdgate.client.", "holdgate.load.", "holdgate.mcp.", "holdgate.cli.ask"),
        ),
    ),
    ("mcp", ("holdgate.mcp.",)),
    ("prometheus_client", ("holdgate.core.telemetry.metrics",)),
    ("opentelemetry", ("holdgate.core.telemetry.tracing",)),
)


def at_home(module: str, homes: tuple[str, ...]) -> bool:
    return any(
        module.startswith(home) or module.endswith(home) or (home[0] == "." and home in module) for home in homes
    )


def test_a_library_has_its_homes() -> None:
    assert [
        f"{module} imports {library}"
        for library, homes in HOMES
        for module, names in imports().items()
        if any(name == library or name.startswith(f"{library}.") for name in names) and not at_home(module, homes)
    ] == []


@cache
def calls(path: Path) -> set[str]:
    """Dotted names that a file uses."""
    return {ast.unparse(node) for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}


# The entries hand the environment to `config.load`; in a program that only enqueues nobody does.
MAY_READ_ENVIRONMENT = {
    "asgi.py",
    "worker.py",
    "health.py",
    "cli/attached.py",
    "cli/processes.py",
    "client/environment.py",
    "tasks/places.py",
    "testing/plugin.py",
}


def test_the_environment_is_read_at_the_entries_only() -> None:
    for path in APP.rglob("*.py"):
        relative = str(path.relative_to(APP))
        if relative not in MAY_READ_ENVIRONMENT and not relative.startswith("embedded/"):
            assert not {"os.environ", "os.getenv"} & calls(path), relative


def test_nothing_is_decided_by_the_wall_clock_of_a_machine() -> None:
    # Shown, never decided by: relative times on pages; the Date of a mail.
    # And the machine's clock itself, which the doctor holds against the database's.
    shown = {"web/filters.py", "web/render.py", "mail/message.py", "doctor/findings.py"}
    shown.add("client/webhooks.py")  # how old a message is, on the receiver's machine
    for path in APP.rglob("*.py"):
        relative = str(path.relative_to(APP))
        if relative not in shown and not relative.startswith("embedded/"):
            assert not {"datetime.now", "DateTime.now", "datetime.utcnow", "time.time"} & calls(path), relative


def test_commits_happen_in_one_place() -> None:
    for path in APP.rglob("*.py"):
        if path.relative_to(APP).as_posix() not in ("core/db.py",):
            assert not {"session.commit", "write.commit"} & calls(path), path


MOST_LINES = 300
MOST_FILES = 20


def test_files_are_short_and_folders_not_full() -> None:
    files = [path for path in APP.rglob("*.py") if path.is_file()]
    assert not [path for path in files if len(path.read_text().splitlines()) > MOST_LINES]
    full = Counter(path.parent for path in files)
    assert not [folder for folder, count in full.items() if count > MOST_FILES]


def test_a_class_name_stands_for_one_thing() -> None:
    # The client says from outside what the API's schemas say from inside; the programs beside know neither.
    homes: dict[str, list[str]] = {}
    for path in APP.rglob("*.py"):
        module = path.relative_to(APP)
        if module.parts[0] not in {"client", *APART}:
            for node in tree(path).body:
                if isinstance(node, ast.ClassDef):
                    homes.setdefault(node.name, []).append(str(module))
    assert not {name: found for name, found in homes.items() if len(found) > 1 and not name.startswith("_")}


def test_no_folder_or_file_is_a_drawer_for_everything() -> None:
    for path in APP.rglob("*"):
        assert path.stem not in ("utils", "helpers", "common", "manager", "base", "misc"), path


TEMPLATES = ROOT / "templates"


HANDLER = re.compile(r" on(click|load|submit|change|input)=")


def test_templates_hold_no_inline_script_style_or_unescaped_value() -> None:
    wrong = []
    for path in sorted(TEMPLATES.rglob("*.html")):
        text = path.read_text()
        found = [] if "<script>" not in text else ["an inline script"]
        # Mails and reports are read outside of the site, where no style sheet is.
        if not {"emails", "reports"} & set(path.parts):
            found += [what for what in ("| safe", "|safe", " style=", "<style") if what in text]
            found += HANDLER.findall(text)
        wrong += [f"{path.relative_to(TEMPLATES)}: {what}" for what in found]
    assert wrong == []


def test_every_state_has_a_look() -> None:
    from holdgate.approvals.states import ApprovalState
    from holdgate.bulk.states import BulkState
    from holdgate.runs.states import RunState
    from holdgate.tasks.states import STANDINGS
    from holdgate.web.styleguide import STATES

    css = (ROOT / "static/css/components/state.css").read_text()
    for state in (*STANDINGS, *RunState, *ApprovalState, *BulkState, "finished"):
        assert f'[data-state="{state}"]' in css, state
        assert state in STATES, "shown in the style guide"


TESTS = ROOT / "tests"


def test_no_test_module_imports_another() -> None:
    """What several need is in tests/factories, or in a module that holds no tests."""
    wrong = []
    for path in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(tree(path)):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom):
                names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            wrong += [f"{path.relative_to(ROOT)} imports {name}" for name in names if is_of_tests(name)]
    assert wrong == []


def is_of_tests(name: str) -> bool:
    parts = name.split(".")
    return parts[0] == "tests" and any(part.startswith("test_") for part in parts) and is_module(parts)


def is_module(parts: list[str]) -> bool:
    return (ROOT / Path(*parts)).with_suffix(".py").exists()


def test_folders_of_tests_are_not_full() -> None:
    full = Counter(path.parent for path in TESTS.rglob("test_*.py"))
    assert not [str(folder.relative_to(ROOT)) for folder, count in full.items() if count > MOST_FILES]


# What a test holds against a page, or a part of one.
OF_A_PAGE = re.compile(r"\.text\b|\bpage\b|\bhtml\b|\b(words|texts|alerts|notices|invalid)\(")
WORD = re.compile(r"(?<!\S)[“(]?[A-Za-zé’']+[.,:;?!”)]*(?!\S)")
# Whose words are no copy of ours.
MAY_ASSERT_SENTENCES = {"docs/test_site.py": "the test's own text, made into a page of the documentation"}


def sentences(path: Path) -> list[str]:
    """Those of three words and more that a test wants in a page, or not in it. What it made itself has a name there."""
    found = []
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.In | ast.NotIn):
            continue
        parts = node.left.values if isinstance(node.left, ast.JoinedStr) else [node.left]
        said = (part.value if isinstance(part, ast.Constant) else "{}" for part in parts)
        text = "".join(part for part in said if isinstance(part, str))
        if len(WORD.findall(text)) >= 3 and OF_A_PAGE.search(ast.unparse(node.comparators[0])):
            found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {text}")
    return found


def test_pages_are_asserted_by_roles_names_and_data_attributes() -> None:
    """By tests/elements.py: a sentence of a page can be improved without a test."""
    tests = ROOT / "tests"
    assert [
        line
        for path in sorted(tests.rglob("*.py"))
        if str(path.relative_to(tests)) not in MAY_ASSERT_SENTENCES
        for line in sentences(path)
    ] == []
