"""A PostgreSQL of one's own for tests: Debian's programs, a folder of its own, a socket in it, no port."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

#: Who runs it where the tests run as root, which PostgreSQL refuses; Debian's package makes this account.
_ACCOUNT = "postgres"


def postgres_programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``, the newest; None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    return versions[-1].parent if versions else None


class Postgres:
    """``with Postgres() as server: server.new_database()``: an SQLAlchemy address of an empty database."""

    def __init__(self, **settings: str) -> None:
        """``settings`` of postgresql.conf, e.g. ``shared_buffers="1GB"``."""
        self._settings = {"fsync": "off", **settings}

    def __enter__(self) -> "Postgres":
        programs = postgres_programs()
        assert programs is not None, "PostgreSQL is not installed"
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="heyi-pg-"))
        self._as = {"user": _ACCOUNT, "group": _ACCOUNT, "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(self._folder, _ACCOUNT, _ACCOUNT)
        self._number = 0
        self._run("initdb", "--pgdata=data", "--username=heyi", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        given = {"listen_addresses": "''", "unix_socket_directories": f"'{self._folder}'", **self._settings}
        options = " ".join(f"-c {name}={value}" for name, value in given.items())
        self._run("pg_ctl", "start", "--wait", "--pgdata=data", "--log=log", "--options", options)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._run("pg_ctl", "stop", "--wait", "--pgdata=data", "--mode=immediate")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        self._number += 1
        name = f"heyi{self._number}"
        self._run("createdb", f"--host={self._folder}", "--username=heyi", name)
        return f"postgresql+asyncpg://heyi@/{name}?host={self._folder}"

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            **self._as,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"
