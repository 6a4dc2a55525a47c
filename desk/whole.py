"""Whole numbers in addresses: numbers of rows, starts of lists."""

from typing import Annotated

from pydantic import Field

#: What a column of the database takes; a larger one would be its error instead of the reader's.
Whole = Annotated[int, Field(ge=0, le=2**31 - 1)]
