"""Faults of the set-up that a person must mend."""

from core.errors import HeyiError


class BundleMissing(HeyiError):
    """The pages' scripts are not built."""

    def __init__(self) -> None:
        super().__init__("the desk's scripts are not built", hint="./run builds them before it starts heyi")
