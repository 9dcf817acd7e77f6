"""Text that leaves the warehouse: cells that spreadsheets and terminals show instead of executing.

Names of networks, regions and stimuli may come from somebody else. A spreadsheet executes a cell that begins
with "=", and a terminal obeys control characters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = r"^[=+\-@\t\r\n]"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
# Control characters except tab and newline, as the escapes of a Python string.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


def csv_text(frame: pl.DataFrame) -> str:
    """The table as CSV; text that a spreadsheet would take for a formula gets an apostrophe in front.

    Such text begins with =, +, -, @, tab or an end of line, and is not a number. Numbers are unchanged.
    """
    import polars as pl

    texts = [name for name, kind in frame.schema.items() if kind in (pl.String, pl.Categorical, pl.Enum)]
    heads = pl.DataFrame({"name": frame.columns}, schema={"name": pl.String})
    safe = heads.select(_without_formulas(pl.col("name")))["name"].to_list()
    cells = frame.with_columns(_without_formulas(pl.col(name).cast(pl.String)) for name in texts)
    return cells.rename(dict(zip(frame.columns, safe, strict=True))).write_csv()


def printable(text: str) -> str:
    """The text with control characters as escapes such as \\x1b; tabs and newlines stay."""
    return text.translate(_CONTROLS)


def _without_formulas(column: pl.Expr) -> pl.Expr:
    import polars as pl

    is_formula = column.str.contains(_FORMULA) & ~column.str.contains(_NUMBER)
    return pl.when(is_formula).then(pl.lit("'") + column).otherwise(column).name.keep()
