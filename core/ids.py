"""Identifiers that sort by the time they were made (UUID version 7, RFC 9562)."""

import uuid_utils


def new_id() -> str:
    """A new identifier: 32 hexadecimal characters, later ones sort after earlier ones."""
    return uuid_utils.uuid7().hex
