"""How a group is named where an address could stand: `group:security`."""

PREFIX = "group:"


def name_in(recipient: str) -> str | None:
    """The group that a recipient names: `security` of `group:security`; None for an address."""
    text = recipient.strip()
    return text[len(PREFIX) :].strip() if text.lower().startswith(PREFIX) else None
