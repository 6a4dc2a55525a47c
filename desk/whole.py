"""Whole numbers in addresses: numbers of rows, starts of lists."""

from typing import Annotated

from annotated_types import Interval

#: What a column of the database takes; a larger one would be its error instead of the reader's.
Whole = Annotated[int, Interval(ge=0, le=2**31 - 1)]
