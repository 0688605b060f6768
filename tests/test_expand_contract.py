"""The release before runs on the new schema: migrations expand, say so when they contract, and keep nobody waiting.

docs/upgrades.md has the rule for people. A migration is exempt where it says why, by a name in its module:

    contract = "0.3.0: nothing has read users.nick since 0.2.0"   it takes away or narrows
    blocking = "a table of a few rows"                            it holds a lock for as long as a table is long
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

VERSIONS = Path(__file__).parents[1] / "migrations" / "versions"
FIRST_RELEASE = "0001"  # up to here nobody has run a release before

# Operations and statements that the release before cannot live with.
TAKES_AWAY = {"drop_table", "drop_column", "drop_constraint", "rename_table", "create_unique_constraint"}
NARROWS = {"new_column_name", "type_"}
CONTRACTS = re.compile(
    r"\bDROP\s+(TABLE|COLUMN|CONSTRAINT|VIEW|TYPE|FUNCTION|TRIGGER)\b|\bRENAME\b|\bSET\s+(DATA\s+)?TYPE\b"
    r"|\bALTER\s+COLUMN\s+\w+\s+TYPE\b|\bSET\s+NOT\s+NULL\b|\bCREATE\s+UNIQUE\s+INDEX\b",
    re.IGNORECASE,
)
BLOCKS = re.compile(
    r"\bCREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)|\bDROP\s+INDEX\s+(?!CONCURRENTLY)|\bLOCK\s+TABLE\b"
    r"|\bREINDEX\s+(?!.*CONCURRENTLY)|\bVACUUM\s+FULL\b|\bCLUSTER\b|\bADD\s+(CONSTRAINT|CHECK|FOREIGN)\b(?!.*NOT\s+VALID)",
    re.IGNORECASE | re.DOTALL,
)
CONSTRAINTS = {"create_foreign_key", "create_check_constraint"}


def findings(source: str) -> Iterator[tuple[str, str]]:
    """(what a migration must say, what in its `upgrade` makes it so), of everything that is called from there."""
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    reached = [functions["upgrade"]]
    for function in reached:
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                called = functions.get(node.func.id)
                if called is not None and called not in reached:
                    reached.append(called)
    new_tables = {
        _first(call) for function in reached for name, call in _operations(function) if name == "create_table"
    }
    for function in reached:
        for name, call in _operations(function):
            yield from _of_operation(name, call, new_tables)
    without_going_down = [node for node in tree.body if not (isinstance(node, ast.FunctionDef) and node not in reached)]
    for statement in _statements(without_going_down):
        if found := CONTRACTS.search(statement):
            yield "contract", found.group()
        if found := BLOCKS.search(statement):
            yield "blocking", found.group()


def _of_operation(name: str, call: ast.Call, new_tables: set[str]) -> Iterator[tuple[str, str]]:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    table = _first(call)
    if name in TAKES_AWAY and not (name == "create_unique_constraint" and _second(call) in new_tables):
        yield "contract", name
    if name == "alter_column" and (NARROWS & given.keys() or _says(given, "nullable", False)):
        yield "contract", name
    if name == "add_column" and table not in new_tables:
        column = call.args[1]
        assert isinstance(column, ast.Call), "a column is given as sa.Column(…), so that it can be read here"
        options = {keyword.arg: keyword.value for keyword in column.keywords}
        if _says(options, "nullable", False) and "server_default" not in options:
            yield "contract", "add_column NOT NULL without a default"
    if name == "create_index" and _second(call) not in new_tables:
        if _says(given, "unique", True):
            yield "contract", "create_index unique"
        if not _says(given, "postgresql_concurrently", True):
            yield "blocking", name
    if name == "drop_index" and not _says(given, "postgresql_concurrently", True):
        yield "blocking", name
    if name in CONSTRAINTS and _second(call) not in new_tables and not _says(given, "postgresql_not_valid", True):
        yield "blocking", name


def _operations(function: ast.FunctionDef) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            if isinstance(of, ast.Name) and of.id in ("op", "batch_op"):
                yield node.func.attr, node


def _first(call: ast.Call) -> str:
    return str(ast.literal_eval(call.args[0])) if call.args and isinstance(call.args[0], ast.Constant) else ""


def _second(call: ast.Call) -> str:
    second = call.args[1] if len(call.args) > 1 else None
    return str(second.value) if isinstance(second, ast.Constant) else ""


def _says(options: dict[str | None, ast.expr], name: str, value: bool) -> bool:
    said = options.get(name)
    return isinstance(said, ast.Constant) and said.value is value


def _statements(nodes: list[ast.stmt]) -> Iterator[str]:
    """Every text but docstrings; of an f-string the fixed parts."""
    for node in nodes:
        for each in ast.walk(node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str) and not _is_docstring(node, each):
                yield re.sub(r"--[^\n]*", "", each.value)


def _is_docstring(node: ast.stmt, constant: ast.Constant) -> bool:
    return isinstance(node, ast.Expr) and node.value is constant


def said(source: str) -> dict[str, str]:
    """What the module says of itself."""
    return {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def problems(source: str) -> set[str]:
    names = said(source)
    found = {f"{what} = …, because of {because}" for what, because in findings(source) if not names.get(what)}
    if "contract" in names and not re.match(r"\d+\.\d+\.\d+: \S", names["contract"]):
        found.add("contract names the release that it belongs to, and why the one before does not mind")
    return found


def later() -> list[Path]:
    return [path for path in sorted(VERSIONS.glob("*.py")) if path.name[:4] > FIRST_RELEASE]


def test_every_migration_expands_or_says_why_it_does_not() -> None:
    wrong = {path.name: found for path in later() if (found := problems(path.read_text()))}
    assert not wrong, f"see docs/upgrades.md: {wrong}"


def module(body: str, more: str = "") -> str:
    up, down = f"def upgrade():\n    {body}\n", 'def downgrade():\n    op.drop_table("t")\n'
    return f'"""DROP TABLE is only mentioned."""\n{more}\n{up}\n{down}'


REFUSED = {
    "a table is dropped": ('op.drop_table("t")', "contract"),
    "a column is dropped": ('op.drop_column("t", "c")', "contract"),
    "a column is renamed": ('op.alter_column("t", "c", new_column_name="d")', "contract"),
    "a type is changed": ('op.alter_column("t", "c", type_=sa.Text())', "contract"),
    "a column must be there": ('op.alter_column("t", "c", nullable=False)', "contract"),
    "a table is renamed": ('op.rename_table("t", "u")', "contract"),
    "a new column must be given": ('op.add_column("t", sa.Column("c", sa.Text(), nullable=False))', "contract"),
    "a new rule is unique": ('op.create_index("i", "t", ["c"], unique=True, postgresql_concurrently=True)', "contract"),
    "by SQL a column is dropped": ('op.execute("ALTER TABLE t DROP COLUMN c")', "contract"),
    "by SQL a column is renamed": ('op.execute("ALTER TABLE t RENAME c TO d")', "contract"),
    "by SQL a type is changed": ('op.execute("ALTER TABLE t ALTER COLUMN c TYPE text")', "contract"),
    "by SQL a function is dropped": ('op.execute(f"DROP FUNCTION {name}")', "contract"),
    "an index is built": ('op.create_index("i", "t", ["c"])', "blocking"),
    "an index goes": ('op.drop_index("i", table_name="t")', "blocking"),
    "by SQL an index is built": ('op.execute("CREATE INDEX i ON t (c)")', "blocking"),
    "by SQL a table is locked": ('op.execute("LOCK TABLE t")', "blocking"),
    "a check is tried on every row": ('op.create_check_constraint("k", "t", "c > 0")', "blocking"),
    "by SQL a check is tried": ('op.execute("ALTER TABLE t ADD CONSTRAINT k CHECK (c > 0)")', "blocking"),
}


@pytest.mark.parametrize(("body", "what"), REFUSED.values(), ids=REFUSED)
def test_what_the_release_before_cannot_live_with_must_be_said(body: str, what: str) -> None:
    [problem] = problems(module(body))
    assert problem.startswith(f"{what} = …")
    assert not problems(module(body, f'{what} = "0.3.0: nobody uses it"'))


def test_it_looks_into_what_upgrade_calls_and_into_statements_of_the_module() -> None:
    assert problems(module("take()", 'def take():\n    op.drop_table("t")\n'))
    assert problems(module("op.execute(LATER)", 'LATER = "DROP TABLE t"'))


def test_a_contraction_names_its_release() -> None:
    assert problems(module('op.drop_table("t")', 'contract = "because"'))


@pytest.mark.parametrize(
    "body",
    [
        'op.add_column("t", sa.Column("c", sa.Text(), nullable=True))',
        'op.add_column("t", sa.Column("c", sa.Text(), server_default="", nullable=False))',
        'op.create_table("n", sa.Column("c")); op.create_index("i", "n", ["c"], unique=True)',
        'op.create_index("i", "t", ["c"], postgresql_concurrently=True)',
        'op.execute("CREATE INDEX CONCURRENTLY i ON t (c)")',
        'op.execute("ALTER TABLE t ADD CONSTRAINT k CHECK (c > 0) NOT VALID")',
        'op.execute("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$ -- DROP TABLE t")',
    ],
)
def test_what_expands_needs_no_words(body: str) -> None:
    assert not problems(module(body))
