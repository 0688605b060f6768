"""What mapped tables are made of, and the type that SQLAlchemy does not know."""

from typing import Any

from sqlalchemy import MetaData
from sqlalchemy import __version__ as sqlalchemy_version
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import UserDefinedType


class Base(DeclarativeBase):
    """The parent of every mapped table. Names of constraints follow one pattern, so migrations can say them."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "ix": "%(table_name)s_%(column_0_name)s_idx",
        }
    )


def stored_with(**parameters: str) -> dict[str, Any]:
    """Storage parameters of a table, for its arguments. SQLAlchemy 2.0, which a product may have, knows none; it makes
    no table either: migrations need 2.1."""
    return {} if sqlalchemy_version.startswith("2.0.") else {"postgresql_with": parameters}


class View(DeclarativeBase):
    """The parent of what is mapped onto a view: none of the tables that migrations are held against."""


# Of a time in SQL: that Python can read it. Beyond are infinity and years of five digits.
READABLE = "BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 00:00:00+00'"


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id, as text."""

    cache_ok = True

    def get_col_spec(self, **_kw: Any) -> str:
        return "xid8"


# So that reading the schema back knows the type, for the comparison of migrations and models.
ischema_names["xid8"] = Xid8
