"""One secret for a site, and the passwords made from it."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from core.errors import HeyiError


def site_secret(data: Path, given: str = "") -> str:
    """The site's secret: ``given`` where a person set one, else made once and kept in ``data`` for us alone."""
    if given:
        return given
    path = data / "secret"
    try:
        data.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(handle, "w") as file:
            made = secrets.token_hex(32)
            file.write(made)
        return made
    except OSError as error:
        raise HeyiError(
            f"{path} cannot be written: {error.strerror}", hint="check the folder's rights and space"
        ) from error


def derive(secret: str, purpose: str, name: str = "") -> str:
    """A password for one ``purpose`` and ``name``: 32 hexadecimal digits, always the same (HMAC-SHA-256)."""
    return hmac.new(secret.encode(), f"{purpose}:{name}".encode(), hashlib.sha256).hexdigest()[:32]
