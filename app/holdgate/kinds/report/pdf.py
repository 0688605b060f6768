"""The report as PDF. The only module that knows fpdf2."""

from collections.abc import Sequence

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from holdgate.kinds.report.numbers import Numbers
from holdgate.web.filters import duration

INK, SOFT, BAR, GOOD, BAD, HOLD = (
    (29, 27, 24),
    (106, 101, 93),
    (125, 120, 111),
    (45, 125, 79),
    (179, 55, 43),
    (184, 116, 0),
)
LINE = (222, 218, 211)
COLOURS = {"succeeded": GOOD, "dead_letter": BAD, "pending_approval": HOLD, "needs_input": HOLD, "needs_auth": HOLD}
FONT = "helvetica"
WIDTH = 180.0  # mm between the margins


def write_pdf(numbers: Numbers) -> bytes:
    """A4. The built-in font knows Western European letters; others become question marks."""
    pdf = FPDF(format="A4")
    pdf.set_margins(15, 15)
    pdf.set_auto_page_break(True, 15)
    pdf.set_title(_known(numbers.title))
    pdf.set_creator("Holdgate")
    pdf.add_page()
    _line(pdf, numbers.title, 17, bold=True)
    left_out = f" {numbers.left_out:,} later tasks are not included." if numbers.left_out else ""
    _line(pdf, f"As of {numbers.made_at}.{left_out}", 10, SOFT)
    pdf.ln(3)
    for name, value in (
        ("Tasks", f"{numbers.total:,}"),
        ("Waited in queues", duration(numbers.waited)),
        ("Worked on", duration(numbers.worked)),
        ("Waited for people", duration(numbers.with_people)),
    ):
        _line(pdf, f"{name}: {value}", 11)
    if numbers.states:
        _heading(pdf, "States")
        _bars(pdf, numbers.states)
    if numbers.columns:
        _heading(pdf, "Ended over time (UTC): green succeeded, red otherwise")
        _columns(pdf, numbers)
    if numbers.kinds:
        _heading(pdf, "Kinds")
        rows = [(name, f"{n:,}", f"{well:,}", f"{buried:,}") for name, n, well, buried in numbers.kinds]
        _table(pdf, ("Kind", "Tasks", "Succeeded", "Dead letters"), rows, (3, 1, 1, 1))
    if numbers.reasons:
        _heading(pdf, "Why tasks failed")
        _table(pdf, ("Reason", "Tasks"), [(reason, f"{n:,}") for reason, n in numbers.reasons], (5, 1))
    return bytes(pdf.output())


def _known(text: str) -> str:
    return text.replace("–", "-").encode("latin-1", "replace").decode("latin-1")


def _line(pdf: FPDF, text: str, size: int, colour: tuple[int, int, int] = INK, *, bold: bool = False) -> None:
    pdf.set_font(FONT, "B" if bold else "", size)
    pdf.set_text_color(*colour)
    pdf.multi_cell(WIDTH, size * 0.5, _known(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _heading(pdf: FPDF, text: str) -> None:
    pdf.ln(5)
    if pdf.will_page_break(40):
        pdf.add_page()
    _line(pdf, text, 12, bold=True)
    pdf.ln(1)
    pdf.set_font(FONT, "", 9)


def _bars(pdf: FPDF, rows: list[tuple[str, int]]) -> None:
    most = max(n for _, n in rows)
    for name, n in rows:
        if pdf.will_page_break(6):
            pdf.add_page()
        y, width = pdf.get_y(), max(0.3, 110 * n / most)
        pdf.set_xy(15, y)
        pdf.cell(40, 5, _known(name.replace("_", " ")), align="R")
        pdf.set_fill_color(*COLOURS.get(name, BAR))
        pdf.rect(58, y + 0.7, width, 3.6, "F")
        pdf.set_xy(59 + width, y)
        pdf.cell(20, 5, f"{n:,}")
        pdf.set_xy(15, y + 6)


def _columns(pdf: FPDF, numbers: Numbers) -> None:
    if pdf.will_page_break(50):
        pdf.add_page()
    top, height = pdf.get_y(), 38.0
    most = max(max(c.well + c.otherwise for c in numbers.columns), 1)
    step = (WIDTH - 12) / len(numbers.columns)
    for n, column in enumerate(numbers.columns):
        x, y = 27 + n * step, top + height
        for amount, colour in ((column.well, GOOD), (column.otherwise, BAD)):
            tall = height * amount / most
            y -= tall
            if amount:
                pdf.set_fill_color(*colour)
                pdf.rect(x, y, min(step * 0.8, 20), tall, "F")
    pdf.set_draw_color(*SOFT)
    pdf.line(26, top + height, 15 + WIDTH, top + height)
    pdf.set_xy(15, top - 2)
    pdf.cell(10, 5, f"{most:,}", align="R")
    pdf.set_xy(26, top + height + 1)
    pdf.cell(60, 5, numbers.columns[0].label)
    if len(numbers.columns) > 1:
        pdf.set_xy(15 + WIDTH - 60, top + height + 1)
        pdf.cell(60, 5, numbers.columns[-1].label, align="R")
    pdf.set_xy(15, top + height + 7)


def _table(pdf: FPDF, head: tuple[str, ...], rows: Sequence[tuple[str, ...]], widths: tuple[int, ...]) -> None:
    pdf.set_fill_color(255, 255, 255)
    pdf.set_draw_color(*LINE)
    with pdf.table(col_widths=widths, text_align=("LEFT", *["RIGHT"] * (len(head) - 1)), line_height=5) as table:
        for cells in (head, *rows):
            row = table.row()
            for cell in cells:
                row.cell(_known(cell))
