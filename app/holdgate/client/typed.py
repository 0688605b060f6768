"""What a client needs to know of a kind, so that it loads nothing of what defines kinds."""

from typing import Any, Protocol, TypeVar

P_contra = TypeVar("P_contra", contravariant=True)


class TypedKind(Protocol[P_contra]):
    """A `holdgate.Kind` with payloads of type `P`."""

    def request(self, payload: P_contra) -> Any: ...
