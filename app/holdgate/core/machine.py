"""The form in which a life cycle is declared: verbs that lead from states to states."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)
V = TypeVar("V", bound=StrEnum)


@dataclass(frozen=True)
class Move(Generic[S]):
    """One verb's row: from any of `sources` to one of `targets` (the first is the usual one)."""

    sources: frozenset[S]
    targets: tuple[S, ...]


class Machine(Generic[S, V]):
    """A life cycle: which verb may lead from which state to which."""

    def __init__(self, states: type[S], moves: dict[V, tuple[tuple[S, ...], tuple[S, ...]]]) -> None:
        self.states = states
        self.moves = {verb: Move(frozenset(sources), targets) for verb, (sources, targets) in moves.items()}
        self.terminal = frozenset(
            state for state in states if not any(state in move.sources for move in self.moves.values())
        )
        # For which verb's a change is taken unless something else is said: of the verbs of an edge the first declared.
        self.usual: dict[tuple[S, S], V] = {}
        for source, target, verb in self.edges():
            self.usual.setdefault((source, target), verb)

    def is_usual(self, verb: V, target: S) -> bool:
        """Whether a change to `target` is taken for this verb's from each of its sources."""
        return all(self.usual[source, target] == verb for source in self.sources(verb))

    def sources(self, verb: V) -> frozenset[S]:
        return self.moves[verb].sources

    def allows(self, verb: V, state: S) -> bool:
        return state in self.moves[verb].sources

    def verbs(self, state: S) -> list[V]:
        """The verbs that lead out of `state`, in the order of declaration."""
        return [verb for verb, move in self.moves.items() if state in move.sources]

    def edges(self) -> Iterator[tuple[S, S, V]]:
        """Every (from, to, verb), in the order of declaration."""
        for verb, move in self.moves.items():
            for source in self.states:
                if source in move.sources:
                    for target in move.targets:
                        yield source, target, verb
