"""Imports as programs read and write them: how a file is read, what importing it would do, what it has done."""

from typing import Annotated
from uuid import UUID

import msgspec

from holdgate.core.errors import Invalid
from holdgate.postings.channels import Channel
from holdgate.postings.formats import ENCODINGS, FORMATS, FileReading, HeaderColumn, RowError
from holdgate.postings.formats.table import chosen_fields
from holdgate.postings.imports.queries import PreviewedPosting
from holdgate.postings.imports.service import ImportPreview
from holdgate.tasks.schemas import Moment


class FileQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How a file, or what an address answers, is to be read."""

    address: Annotated[
        str, msgspec.Meta(max_length=2000, description="Of a job board or a posting, instead of a body.")
    ] = ""
    format: Annotated[
        str,
        msgspec.Meta(
            description=f"Of the file: auto, or one of {', '.join(FORMATS)}.", pattern=f"^(auto|{'|'.join(FORMATS)})$"
        ),
    ] = "auto"
    encoding: Annotated[
        str,
        msgspec.Meta(
            description=f"Of the file: auto, or one of {', '.join(ENCODINGS)}.",
            pattern=f"^(auto|{'|'.join(ENCODINGS)})$",
        ),
    ] = "auto"
    columns: Annotated[
        str,
        msgspec.Meta(
            max_length=4000, description="Which column of a table is which: `Rolle=title;Firma=company;Link=url`."
        ),
    ] = ""
    company: Annotated[str, msgspec.Meta(max_length=300, description="Of postings whose rows name none.")] = ""

    @property
    def reading(self) -> FileReading:
        """Raises Invalid: no such field."""
        pairs = [each.rpartition("=") for each in self.columns.split(";") if each.strip()]
        try:
            fields = chosen_fields({name.strip(): field.strip() for name, _, field in pairs})
        except ValueError as error:
            raise Invalid("The URL has invalid parameters.", {"?columns": str(error)}) from error
        found_out = {name: "" if (value := getattr(self, name)) == "auto" else value for name in ("format", "encoding")}
        return FileReading(fields=fields, company=self.company, **found_out)


class ImportQuery(FileQuery, frozen=True, kw_only=True):
    """The same, and what to do with its rows."""

    leave_out_errors: Annotated[
        bool, msgspec.Meta(description="Import the valid rows; otherwise one invalid row refuses all.")
    ] = False


class LeftOut(msgspec.Struct, frozen=True):
    row: int
    column: str
    message: str


class PostingWarning(msgspec.Struct, frozen=True):
    """What to look at in a row that was imported all the same. `row` is 0 for the whole file."""

    row: int
    column: str
    message: str


class ImportDone(msgspec.Struct, frozen=True):
    """How many postings are new and how many were known, `refreshed` of them with another text or form; the rows that
    were left out, and what to look at."""

    new: int
    known: int
    refreshed: int
    left_out: list[LeftOut]
    warnings: list[PostingWarning]


class PreviewedImport(msgspec.Struct, frozen=True, kw_only=True):
    """What confirming an import would do. Of rows, errors and warnings one `page` of `pages` is here; the counts are of
    all. `columns` says which column of a table is which: `field` is "" for one that is kept as a detail."""

    id: UUID
    url: str
    name: str
    format: str
    encoding: str
    company: str
    columns: list[HeaderColumn]
    page: int
    pages: int
    new: list[PreviewedPosting]
    known: list[PreviewedPosting]
    errors: list[RowError]
    warnings: list[PostingWarning]
    new_count: int
    known_count: int
    error_count: int
    warning_count: int
    invalid_rows: int
    by_channel: dict[Channel, int]
    confirmed_at: Moment | None


class PreviewQuery(msgspec.Struct, frozen=True):
    page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1


class ReadAgain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`columns`: the name of a column → the field that it is. With `remember` tables with the same header are read so
    from now on."""

    encoding: Annotated[str, msgspec.Meta(pattern=f"^(auto|{'|'.join(ENCODINGS)})$")] = "auto"
    company: Annotated[str, msgspec.Meta(max_length=300)] = ""
    columns: dict[str, str] = {}
    remember: bool = False


class ConfirmImport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`leave_out_errors`: import the valid rows; otherwise one invalid row refuses all."""

    leave_out_errors: bool = False


class StartImport(ConfirmImport, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The run that is started from it, as POST /runs/from-postings."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    resume_id: UUID | None = None
    letter: Annotated[str, msgspec.Meta(max_length=100)] = ""


class ConfirmedImport(msgspec.Struct, frozen=True):
    """As in ImportDone."""

    id: UUID
    new: int
    known: int
    refreshed: int


class DiscardedImport(msgspec.Struct, frozen=True):
    id: UUID


def previewed(preview: ImportPreview, url: str) -> PreviewedImport:
    return PreviewedImport(
        id=preview.id,
        url=url,
        name=preview.name,
        format=preview.format,
        encoding=preview.encoding,
        company=preview.reading.company,
        columns=preview.columns,
        page=preview.page,
        pages=preview.pages,
        new=preview.new,
        known=preview.known,
        errors=preview.errors,
        warnings=[PostingWarning(each.row, each.column, each.message) for each in preview.warnings],
        new_count=preview.new_count,
        known_count=preview.known_count,
        error_count=preview.error_count,
        warning_count=preview.warning_count,
        invalid_rows=preview.bad_rows,
        by_channel=preview.by_channel,
        confirmed_at=preview.confirmed_at,
    )
