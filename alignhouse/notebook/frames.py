"""Tables of other libraries as polars DataFrames."""

from __future__ import annotations

from typing import Any

import polars as pl
from polars import selectors

from alignhouse.warehouse.errors import BadInput


def as_polars(frame: Any) -> pl.DataFrame:
    """A table as a polars DataFrame; columns of categories become text.

    Parameters
    ----------
    frame : a polars or pandas DataFrame, an Arrow table, a list of rows as dicts, or a dict of columns.

    Raises
    ------
    BadInput : it is no such table.
    """
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    try:
        rows = frame if isinstance(frame, pl.DataFrame) else pl.DataFrame(frame)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise BadInput(
            "rows of a result",
            expected="a DataFrame, an Arrow table, a list of dicts, or a dict of columns",
            found=f"{type(frame).__name__}: {error}",
        ) from error
    return rows.with_columns((selectors.categorical() | selectors.enum()).cast(pl.String))
