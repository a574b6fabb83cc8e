"""A CSV file as text cells with the row each came from, and all that is wrong with the file.

The csv module reads, because it says where it is: a row is the line of the file on which the
record begins, as a text editor numbers it (the header is row 1; a quoted cell may span lines).
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from densing_bayes.errors import Problem
from densing_bayes.schemas import LONGEST_NAME

_OTHER_KINDS = {
    b"\xff\xfe": "UTF-16 text", b"\xfe\xff": "UTF-16 text", b"PK": "a zip or Excel file",
    b"\x1f\x8b": "a gzip file", b"\xd0\xcf\x11\xe0": "an old Excel file", b"%PDF": "a PDF",
}
_SAVE_AS = "save the table as CSV, UTF-8, comma-separated"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SIZE = re.compile(r"[~<>≈]?\s*(\d+(?:\.\d+)?)\s*[- ]?(k|thousand|m|mn|mio|million|b|bn|billion|"
                   r"t|tn|trillion)s?\b\+?(\s*(params?|parameters|tokens))?",
                   re.ASCII | re.IGNORECASE)
_TIMES = {"k": 1e3, "t": 1e12, "m": 1e6, "b": 1e9}
_UNKNOWN = {"inf", "infinity", "nan", "na", "n/a", "none", "null", "-", "?", "unknown", "tbd",
            "#n/a", "undisclosed", "nat"}
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d[\d:.]*(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_PERIOD = re.compile(r"(\d{4})(?:-(?:(\d\d)|[Qq](\d)))?", re.ASCII)


@dataclass
class Raw:
    """Cells of one file as text; the index holds row numbers."""

    file: str
    frame: pd.DataFrame | None = None
    whole: bool = False  # every row of the file is in the frame
    sha256: str = ""
    ragged: set[int] = field(default_factory=set)  # rows that are not in the frame
    of_file: list[Problem] = field(default_factory=list)  # found in reading, of no one row
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    skipped: list[Problem] = field(default_factory=list)

    def skip(self) -> bool:
        """Leave out the rows with problems; whether there were any.

        Their problems move to ``skipped``. What is wrong with the whole file stays and has to be
        found again.
        """
        if self.frame is None:
            return False
        bad = {problem.row for problem in self.problems if problem.row in self.frame.index}
        gone = bad | self.ragged
        if not gone:
            return False
        self.skipped += [problem for problem in self.problems if problem.row in gone]
        self.frame = self.frame.drop(index=sorted(bad))
        self.ragged = set()
        self.whole = not self.of_file
        self.problems = list(self.of_file)
        if not len(self.frame):
            self.problems.append(Problem("no row is left without a problem", file=self.file))
            return False
        return True


def cut(text: str, longest: int = 80) -> str:
    """Text from a file, cut to a length that a message can carry (its repr escapes the rest).

    Examples
    --------
    >>> cut("abcdef", longest=4)
    'abc…'
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def shown(path: str | Path) -> str:
    r"""A path made safe to print: unprintable characters escaped.

    Examples
    --------
    >>> print(shown("a\x1b[31m.csv"))
    a\x1b[31m.csv
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode()
                   for c in str(path))


def parse_number(text: str) -> float:
    """A finite number as tables write it.

    Raises
    ------
    ValueError
        With what is wrong, in words that say how to write it.

    Examples
    --------
    >>> parse_number("7e9"), parse_number("-.5")
    (7000000000.0, -0.5)
    >>> parse_number("5,400")
    Traceback (most recent call last):
    ValueError: write the number without separators
    """
    if _NUMBER.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return value
        raise ValueError("the number is too large")
    if text.lower().lstrip("+-") in _UNKNOWN:
        raise ValueError("not a finite number; leave the cell empty if it is unknown")
    if _NUMBER.fullmatch(text.rstrip("%").strip()):
        raise ValueError("this is percent: write a fraction")
    if re.fullmatch(r"\d+,\d{1,2}", text, re.ASCII):
        raise ValueError("write decimals with a point")
    if _NUMBER.fullmatch(re.sub(r"[,_'\s]", "", text)):
        raise ValueError("write the number without separators")
    size = _SIZE.fullmatch(text)
    if size:
        times = 1e3 if size[2].lower() == "thousand" else _TIMES[size[2][0].lower()]
        full = f"{float(size[1]) * times:e}".split("e")
        raise ValueError(f"write the number in full: {float(full[0]):g}e{int(full[1])}")
    if re.fullmatch(r"\d+\s*[x×]\s*\d+(\.\d+)?\s*[bBmM]", text):
        raise ValueError("experts times size is a name, not a count (shared layers count once): "
                         "write all parameters in full, e.g. 4.67e10 for 8x7B")
    if _NUMBER.fullmatch(text.lstrip("$€~<>≈= ").strip()):
        raise ValueError("write the number alone, without a sign before it")
    raise ValueError("not a number")


_FORMS = ("%d.%m.%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y",
          "%B %d, %Y")
_MONTHS = "%b %Y", "%B %Y", "%b/%Y", "%Y/%m", "%b-%y"


def _meant(text: str) -> str:
    """What to write instead of a date of another form, as words behind what is wrong; or ''.

    Examples
    --------
    >>> _meant("15.02.2024"), _meant("2023-02-15 or later"), _meant("Feb 2024")
    (': write 2024-02-15', ': write 2023-02-15 alone', ': write 2024-02')
    >>> _meant("03/04/2024"), _meant("soon")
    (': day or month first? write YYYY-MM-DD', '')
    """
    inside = re.search(r"(?<!\d)\d{4}-\d\d(-\d\d)?(?!\d)", text)
    if inside:
        return f": write {inside[0]} alone"
    if re.fullmatch(r"\d{1,2}/\d{1,2}/\d{2,4}", text):
        return ": day or month first? write YYYY-MM-DD"
    for form in (*_FORMS, *_MONTHS):
        try:
            day = datetime.datetime.strptime(text, form).date().isoformat()
        except ValueError:
            continue
        return f": write {day[:7] if form in _MONTHS else day}"
    return ""


def parse_date(text: str) -> tuple[datetime.date, int]:
    """A date as people write it down, and how many days wide it is.

    A day (a time of day behind it is dropped) has width 0. A month, a quarter or a year is its
    middle day, and as wide as it is long: the day is uniform on it, with an sd of
    width / sqrt(12).

    Parameters
    ----------
    text
        YYYY-MM-DD, YYYY-MM, YYYY-Qn or YYYY.

    Raises
    ------
    ValueError
        With what is wrong, in words.

    Examples
    --------
    >>> parse_date("2024-02-29"), parse_date("2024-02")
    ((datetime.date(2024, 2, 29), 0), (datetime.date(2024, 2, 15), 29))
    >>> parse_date("2023-Q3"), parse_date("2023")
    ((datetime.date(2023, 8, 16), 92), (datetime.date(2023, 7, 2), 365))
    """
    day, period = _DAY.fullmatch(text), _PERIOD.fullmatch(text)
    if not day and not period:
        raise ValueError(f"not an ISO date{_meant(text)}")
    try:
        if day:
            return datetime.date.fromisoformat(day[1]), 0
        year, month, quarter = (part and int(part) for part in period.groups())
        first = 1 if month is quarter is None else month or 3 * quarter - 2
        months = 12 if month is quarter is None else 1 if month is not None else 3
        start = datetime.date(year, first, 1)
        beyond = first + months
        end = datetime.date(year + (beyond > 12), beyond - 12 * (beyond > 12), 1)
    except ValueError:
        raise ValueError("there is no such day") from None
    width = (end - start).days
    return start + datetime.timedelta(days=width // 2), width


def read_cells(path: Path, name: str | None = None) -> Raw:
    """The cells of a CSV file; never raises for what is in the file.

    Parameters
    ----------
    path
        The file.
    name
        What problems call it; by default its path as given.

    Returns
    -------
    Raw
        ``frame`` is None where no header could be read. Rows that cannot be used are left out
        of it, with a problem for each.
    """
    raw = Raw(shown(path if name is None else name))
    text = _decode(path, raw)
    if text is None:
        return raw
    rows, numbers = _without_extras(*_records(text, raw), raw)
    if not rows:
        if not raw.problems:
            raw.problems.append(Problem("the file is empty", file=raw.file))
        return raw
    header = rows[0]
    if not _check_header(header, numbers[0], raw):
        return raw
    raw.of_file = list(raw.problems)
    good, good_numbers = [], []
    for cells, number in zip(rows[1:], numbers[1:], strict=True):
        if len(cells) == len(header):
            good.append(cells)
            good_numbers.append(number)
            continue
        raw.ragged.add(number)
        short = number == numbers[-1] and len(cells) < len(header)
        raw.problems.append(Problem(
            f"the row has {len(cells)} cell{'s' * (len(cells) != 1)}, the header has "
            f"{len(header)}", file=raw.file, row=number, given=cut(",".join(cells)),
            hint="this is the last row: is the file truncated?" if short
            else "a cell that holds a comma or a line break must be quoted"))
    if len(rows) == 1 and not raw.problems:
        raw.of_file = [Problem("the table has a header and no rows", file=raw.file)]
        raw.problems += raw.of_file
    columns = zip(*good, strict=True) if good else [()] * len(header)
    raw.frame = pd.DataFrame(
        {column: pd.Series(cells, index=good_numbers, dtype=str)
         for column, cells in zip(header, columns, strict=True)},
        index=pd.Index(good_numbers, dtype=int))
    raw.whole = not raw.problems
    return raw


def _decode(path: Path, raw: Raw) -> str | None:
    """The text of the file, or None with a problem."""
    def refuse(what: str, **more: object) -> None:
        raw.problems.append(Problem(what, file=raw.file, **more))  # type: ignore[arg-type]

    if path.is_dir():
        refuse("this is a folder, not a table")
        return None
    if path.exists() and not path.is_file():
        refuse("this is not a regular file")
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        refuse("the file cannot be read", hint=error.strerror)
        return None
    raw.sha256 = hashlib.sha256(data).hexdigest()
    for magic, kind in _OTHER_KINDS.items():
        if data.startswith(magic):
            refuse(f"this is {kind}, not CSV in UTF-8", hint=_SAVE_AS)
            return None
    if b"\0" in data:
        refuse("the file holds NUL bytes", row=data[: data.index(b"\0")].count(b"\n") + 1,
               hint=f"binary, UTF-16 or damaged: {_SAVE_AS}")
        return None
    try:
        text = data.decode("utf-8-sig")
        if text.lstrip()[:1] in ("{", "["):
            refuse("this is JSON, not CSV", hint="densing import makes tables of it")
            return None
        return text
    except UnicodeDecodeError as error:
        refuse("the file is not UTF-8", row=data[: error.start].count(b"\n") + 1,
               given=f"byte 0x{data[error.start]:02x}",
               hint=f"this looks like Latin-1 or Windows-1252: {_SAVE_AS}")
        return None


def _records(text: str, raw: Raw) -> tuple[list[list[str]], list[int]]:
    """Records and the line on which each begins, as far as the file can be read."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    numbers: list[int] = []
    start = 1
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if any(cells):  # else a blank line, or an empty row that a spreadsheet left
                rows.append(cells)
                numbers.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        inside = "expected after" in str(error)
        raw.problems.append(Problem(
            "a quote inside a quoted cell" if inside else "a quote is opened and never closed",
            file=raw.file, row=start, hint="write it twice: \"\"" if inside
            else "or the file is truncated; rows from here on were not read"))
    return rows, numbers


def _without_extras(rows: list[list[str]], numbers: list[int], raw: Raw,
                    ) -> tuple[list[list[str]], list[int]]:
    """Records without comment lines, cells behind trailing commas and an index column.

    Spreadsheets and data frames leave these behind; each is a warning.
    """
    def odd(what: str, row: int, given: str) -> None:
        raw.warnings.append(Problem(what, file=raw.file, row=row, given=cut(given)))

    kept = [(cells, number) for cells, number in zip(rows, numbers, strict=True)
            if not (cells[0].startswith("#") and not any(cells[1:]))]
    for cells, number in zip(rows, numbers, strict=True):
        if cells[0].startswith("#") and not any(cells[1:]):
            odd("a comment line, left out: CSV has none", number, cells[0])
    if not kept:
        return rows, numbers
    width = len(kept[0][0])
    while width > 1 and not kept[0][0][width - 1]:
        width -= 1
    lines = [cells if any(cells[width:]) else cells[:width] for cells, _ in kept]
    longer = next((number for (cells, number), line in zip(kept, lines, strict=True)
                   if len(line) < len(cells)), None)
    if longer is not None:
        odd("empty cells behind the last column, left out: the line ends in commas", longer, "")
    if (len(lines) > 2 and width > 1 and lines[0][0] in ("", "Unnamed: 0", "index")
            and _counts([line[0] for line in lines[1:]])):
        odd("a column that numbers the rows, left out", kept[0][1], lines[0][0])
        lines = [line[1:] for line in lines]
    return lines, [number for _, number in kept]


def _counts(words: list[str]) -> bool:
    """Whether the words are 0, 1, 2, ... or 1, 2, 3, ..."""
    return words[0] in ("0", "1") and words == [str(i) for i in range(int(words[0]),
                                                                      int(words[0]) + len(words))]


def _check_header(header: list[str], row: int, raw: Raw) -> bool:
    """Whether the header can be used: no empty, double or unprintable name, commas between."""
    for sign, word in ((";", "semicolon"), ("\t", "tab"), ("|", "bar")):
        if len(header) == 1 and sign in header[0]:
            raw.problems.append(Problem(
                f"the columns are separated by {word}s", file=raw.file, row=row,
                given=cut(header[0]), allowed="commas", hint=_SAVE_AS))
            return False
    found = len(raw.problems)
    for place, name in enumerate(header):
        if not name:
            raw.problems.append(Problem(f"column {place + 1} has no name", file=raw.file, row=row))
        elif not name.isprintable() or len(name) > LONGEST_NAME:
            raw.problems.append(Problem("a column name is unprintable or too long",
                                        file=raw.file, row=row, given=cut(name)))
        elif name in header[:place]:
            raw.problems.append(Problem("two columns have one name", file=raw.file, row=row,
                                        column=name))
    return len(raw.problems) == found
