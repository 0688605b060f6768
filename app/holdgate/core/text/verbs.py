"""What was done, in the past tense, for refusals and logs: `retried` of `retry`."""

_IRREGULAR = {
    "hold": "held",
    "make": "made",
    "put_aside": "put aside",
    "run": "run",
    "send": "sent",
    "set": "set",
    "undo": "undone",
    "withdraw": "withdrawn",
    "take_back": "undone",
    "prioritise": "given another priority",
    "resolve": "marked resolved",
    "redrive": "redriven",
}


def past(verb: str) -> str:
    """`cancelled` of `cancel`, `retried` of `retry`, `requested changes` of `request_changes`."""
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    first, _, rest = verb.partition("_")
    if first.endswith("ed"):  # a run's log has `started`
        done = first
    elif first.endswith("e"):
        done = first + "d"
    elif first.endswith("y") and first[-2:-1] not in "aeiou":
        done = first[:-1] + "ied"
    elif first in ("cancel", "stop"):
        done = first + first[-1] + "ed"
    else:
        done = first + "ed"
    return f"{done} {rest.replace('_', ' ')}".strip()
