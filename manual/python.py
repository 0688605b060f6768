"""The page of the names that `from holdgate import …` gives, from what the code says of them."""

import inspect
import re
from collections.abc import Generator, Iterator
from types import GenericAlias
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import holdgate
from holdgate.client.calls import Listing
from manual.tables import table

HEAD = """# Python names

What `from holdgate import …` gives is the public interface: these names keep their meaning, and the changelog says what
becomes of them. Everything else in the package may change without notice. Types are part of it (`py.typed`). This page
is generated (`make reference`); [Write a kind](../kinds.md) and [Enqueue in your own transaction](../enqueue.md) show
the names at work.

"""
_MODULES = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])")
_FORWARD = re.compile(r"(?<!= )'([\w\[\], .|]*[A-Z][\w\[\], .|]*)'")  # a type that is named before it is there
_UNPACKED = re.compile(r"\*<class (\w+)>")


def page() -> str:
    names = sorted(holdgate.__all__, key=str.lower)
    rows = [(f"`{name}`", _about(getattr(holdgate, name))) for name in names]
    return (HEAD + table(("name", "is"), rows) + "\n" + "\n".join(map(_section, names))).rstrip() + "\n"


def members(value: Any) -> Iterator[tuple[str, Any]]:
    """What a class of ours offers by name, as it stands in it and in those it is made of."""
    if inspect.isclass(value):
        ours = [each for each in reversed(inspect.getmro(value)) if each.__module__.startswith("holdgate")]
        offered = {name: member for each in ours for name, member in vars(each).items() if not name.startswith("_")}
        yield from (each for each in offered.items() if inspect.isfunction(each[1]) or isinstance(each[1], property))


def _section(name: str) -> str:
    value = getattr(holdgate, name)
    parts = [f"## {name}\n", _text(name, value)]
    if name == "AsyncClient":  # has those of Client
        return "\n".join(parts)
    parts += [f"### {name}.{each}\n\n{_text(each, member)}" for each, member in members(value)]
    return "\n".join(parts)


def _text(name: str, value: Any) -> str:
    """How it is called, and all that it says of itself."""
    called = ""
    if not isinstance(value, property):
        try:
            called = f"{name}{_signature(value)}\n\n"
        except ValueError:
            called = ""
    return f"```text\n{called}{inspect.getdoc(value) or ''}\n```\n"


def _signature(value: Any) -> str:
    """With its types, by their short names. Of what is given by names alone, those."""
    if is_typeddict(value):
        fields = get_type_hints(value).items()
        return "\n".join(["", *(f"    {name}: {_short(inspect.formatannotation(each))}" for name, each in fields)])
    found = inspect.signature(value)
    shown = [_shown(each) for each in found.parameters.values() if each.name != "self"]
    given = _given(found.return_annotation)
    return _short(str(found.replace(parameters=shown, return_annotation=given)))


def _short(text: str) -> str:
    return _UNPACKED.sub(r"Unpack[\1]", _FORWARD.sub(r"\1", _MODULES.sub("", text)))


def _shown(parameter: inspect.Parameter) -> inspect.Parameter:
    """A function as default by its name: where it stands in memory is nobody's business."""
    usual = parameter.default
    return parameter.replace(default=_Named(usual.__name__.lstrip("_"))) if inspect.isroutine(usual) else parameter


class _Named(str):
    __repr__ = str.__str__


def _given(annotation: Any) -> Any:
    """A client's method gives what its flow returns (holdgate/client/flows.py), or what its list has."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Generator:
        return args[2]
    return GenericAlias(Iterator, args) if origin is Listing else annotation


def _about(value: Any) -> str:
    """The first paragraph of its docstring."""
    return " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())
