"""That the table of mutations fits the code: `make mutants` itself takes minutes and is run apart."""

import ast
from collections import Counter
from pathlib import Path

from tests.mutations.table import ROOT, mutations


def test_every_place_stands_once_in_its_file_and_is_broken_another_way() -> None:
    wrong = []
    for each in mutations():
        try:
            if each.broken() == (ROOT / each.file).read_text():
                wrong.append(f"{each.name}: nothing is changed.")
        except (OSError, ValueError) as problem:
            wrong.append(str(problem))
    names = Counter(each.name for each in mutations())
    wrong += [f"{name}: this name stands {number} times." for name, number in names.items() if number > 1]
    assert not wrong, "\n".join(wrong)
    assert len(names) >= 40


def test_every_broken_file_of_python_can_be_read() -> None:
    for each in mutations():
        if each.file.endswith(".py"):
            ast.parse(each.broken(), each.name)


def test_every_named_test_exists() -> None:
    tests = {}
    wrong = []
    for each in mutations():
        file, _, name = each.test.partition("::")
        if file not in tests:
            path = ROOT / file
            tests[file] = names_in(path) if path.is_file() else set()
        if name not in tests[file]:
            wrong.append(f"{each.name}: there is no test {each.test}.")
    assert not wrong, "\n".join(wrong)


def names_in(path: Path) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, functions)}
