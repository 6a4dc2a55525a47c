"""aiosip 0.2.0 on today's Python.

It was written for two names that are gone since: ``collections.MutableMapping`` (3.10) and ``asyncio.coroutine``
(3.11). They are there again while it is imported, and only then. Its patterns hold escapes that newer compilers warn
of; it is compiled on its first import, so that a Python told to treat warnings as errors would refuse it.
"""

import asyncio
import collections
import collections.abc
import contextlib
import types
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def _former_names() -> Iterator[None]:
    # types.coroutine is what asyncio.coroutine was for a generator function, less its debug mode.
    former = ((asyncio, "coroutine", types.coroutine), (collections, "MutableMapping", collections.abc.MutableMapping))
    supplied = [(module, name) for module, name, value in former if not hasattr(module, name)]
    for module, name, value in former:
        if (module, name) in supplied:
            setattr(module, name, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for module, name in supplied:
            delattr(module, name)


with _former_names():
    import aiosip

__all__ = ["aiosip"]
