"""When two e-mail addresses are one person: for counting people and for barring them, never for letting one in.

Only what is safe to assume everywhere: case, and a tag behind a plus. Gmail's ignored dots are not undone: elsewhere
`j.doe` and `jdoe` are two people, and one of them must not lose a vote by the other's. Where a mail server gives plus
no meaning the rule counts two as one, which asks for more people and never for fewer.
"""


def canonical_address(address: str) -> str:
    """`Ann+Work@Example.org` → `ann@example.org`"""
    mailbox, at, domain = address.strip().lower().rpartition("@")
    return f"{mailbox.partition('+')[0] or mailbox}{at}{domain}"


def same_person(one: str, other: str) -> bool:
    return canonical_address(one) == canonical_address(other)
