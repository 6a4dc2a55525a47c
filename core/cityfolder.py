"""Where a city's files lie: the folder that it came in, and above it the files that its administrators have changed.

The folder itself is never written. A changed file lies under the same name in a second folder, in the site's data
(:attr:`core.settings.Settings.city_folder`), so that whoever needs the city needs no database: Asterisk's configuration
is made from the same files with heyi dead.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class CityFolder:
    """The files of one city; names are those inside the folder, such as ``ivr/welcome.yaml``."""

    seed: Path
    #: Folder of the changed files; None, or absent on disk: none.
    changed: Path | None = None
    #: Names of changed files that are left out.
    without: frozenset[str] = frozenset()

    def path(self, name: str) -> Path:
        """The file that holds: the changed one where there is one. It need not exist."""
        if self.changed is not None and name not in self.without and (self.changed / name).is_file():
            return self.changed / name
        return self.seed / name

    def listed(self, folder: str, pattern: str) -> list[Path]:
        """The files of a subfolder that hold, by name. One that was taken away lies there empty."""
        places = [self.seed] if self.changed is None else [self.seed, self.changed]
        names = {f"{folder}/{path.name}" for place in places for path in (place / folder).glob(pattern)}
        return [path for path in map(self.path, sorted(names)) if path.is_file() and path.stat().st_size]

    def changes(self) -> list[str]:
        """Names of the changed files."""
        if self.changed is None or not self.changed.is_dir():
            return []
        found = (path for path in self.changed.rglob("*") if path.is_file() and not path.name.startswith("."))
        return sorted(path.relative_to(self.changed).as_posix() for path in found)

    def name_of(self, path: Path) -> str:
        """The name inside the folder of a path that :meth:`path` gave."""
        for place in (self.changed, self.seed):
            if place is not None and path.is_relative_to(place):
                return path.relative_to(place).as_posix()
        return path.name

    def leaving_out(self, names: Iterable[str]) -> "CityFolder":
        """The same without these changed files."""
        return replace(self, without=self.without | frozenset(names))

    def write(self, name: str, data: bytes) -> None:
        """Put a changed file in place at once, on the disk when this returns: whoever reads sees all of it or none."""
        if self.changed is None:
            raise ValueError("this city has no folder for changes")
        place_at_once(self.changed / name, data)


def place_at_once(target: Path, data: bytes) -> None:
    """Write a file by one rename, through to the disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
