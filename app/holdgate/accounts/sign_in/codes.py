"""The short code that a browser shows after asking for a link, to be typed where the link is opened instead.

It is made from the asking browser's own secret, so it stays the same when the mail is asked for again, and nothing
but a digest of it needs to be stored.
"""

from hashlib import sha256

# No 0 O 1 I L: they are hard to tell apart on paper and on the phone.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 6


def code_of(browser: str) -> str:
    """Six characters, from 887 million."""
    number = int.from_bytes(sha256(f"code:{browser}".encode()).digest())
    letters = []
    for _ in range(LENGTH):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return "".join(letters)


def shown(code: str) -> str:
    """`K7M-2QX`"""
    return f"{code[:3]}-{code[3:]}"


def typed(text: str) -> str:
    """What a person entered, without the dash, spaces and small letters they may have used."""
    return "".join(letter for letter in text.upper() if letter.isalnum())[:40]
