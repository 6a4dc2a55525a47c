"""An Asterisk on disk and one running from a folder of ours."""

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from core.errors import HeyiError
from core.settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Install:
    """Where the parts of an Asterisk lie below ``prefix``, laid out as Debian does; ``/`` is the machine's own."""

    prefix: Path

    @classmethod
    def find(cls, settings: Settings) -> "Install":
        """The Asterisk that the settings name. Raises :class:`HeyiError` where it is not whole."""
        install = cls((settings.asterisk_prefix or settings.cache / "asterisk" / "prefix").resolve())
        if not install.binary.exists() or install.modules is None:
            raise HeyiError(
                f"no Asterisk below {install.prefix}",
                hint="./run fetches one; HEYI_ASTERISK_PREFIX=/ uses the machine's own (20 or newer)",
            )
        return install

    @property
    def binary(self) -> Path:
        return self.prefix / "usr/sbin/asterisk"

    @property
    def modules(self) -> Path | None:
        found = [*self.prefix.glob("usr/lib/*/asterisk/modules"), *self.prefix.glob("usr/lib/asterisk/modules")]
        return found[0] if found else None

    @property
    def data(self) -> Path:
        folder = self.prefix / "usr/share/asterisk"
        return folder if folder.is_dir() else self.prefix / "var/lib/asterisk"

    def command(self, *args: str) -> list[str]:
        """The command line that runs it: through the folder's own loader where it brings its own C library."""
        loaders = [*self.prefix.glob("usr/lib*/ld-linux-*.so.*")] if self.prefix != Path("/") else []
        libraries = [*self.prefix.glob("usr/lib/*/libc.so.6")]
        if loaders and libraries:
            return [str(loaders[0]), "--library-path", str(libraries[0].parent), str(self.binary), *args]
        return [str(self.binary), *args]


class Server:
    """An Asterisk running from ``folder`` (its ``etc`` is rendered by :mod:`telephony.dialplan`)."""

    def __init__(self, install: Install, folder: Path) -> None:
        self._install = install
        self.folder = folder.resolve()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _config(self) -> str:
        return str(self.folder / "etc" / "asterisk.conf")

    @property
    def _pid_file(self) -> Path:
        return self.folder / "run" / "heyi.pid"

    def start(self, *, timeout_s: float = 60) -> None:
        """Boot it and wait until it takes commands. Raises :class:`HeyiError` with what Asterisk said."""
        for name in (
            "lib/agi-bin",
            "run",
            "log/cdr-csv",
            "log/cel-custom",
            "spool/monitor",
            "keys/keys",
            "sounds",
            "music",
        ):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._set_aside_broken_database()
        output = self.folder / "log" / "console"
        # Its own session: a Ctrl-C meant for heyi must not end calls.
        with output.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._install.command("-C", self._config, "-f", "-n"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # the folder's own libssl must not read the machine's configuration
                env={**os.environ, "OPENSSL_CONF": "/dev/null"},
            )
        self._pid_file.write_text(str(self._process.pid))
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if "fully booted" in self.cli("core waitfullybooted", timeout_s=timeout_s):
                return
            time.sleep(0.05)
        self.stop()
        said = output.read_text("utf-8", "replace").strip().splitlines()
        raise HeyiError(f"Asterisk did not start: {said[-1] if said else 'no output'}", hint=f"see {output}")

    def _set_aside_broken_database(self) -> None:
        """Asterisk does not start over a damaged database of its own; what it held (the mode) is set again by heyi."""
        file = self.folder / "lib" / "astdb.sqlite3"
        if not file.exists():
            return
        try:
            with contextlib.closing(sqlite3.connect(file)) as database:
                sound = database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        except sqlite3.DatabaseError:
            sound = False
        if not sound:
            aside = file.with_name(f"{file.name}.broken-{int(time.time())}")
            file.replace(aside)
            log.warning("Asterisk's own database was damaged and is set aside", file=str(aside))

    def cli(self, command: str, *, timeout_s: float = 60) -> str:
        """What Asterisk's console answers to ``command``; empty where it is not running."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return subprocess.run(  # noqa: S603
                self._install.command("-C", self._config, "-rx", command),
                capture_output=True,
                timeout=timeout_s,
                check=False,
            ).stdout.decode("utf-8", "replace")
        return ""

    def pid(self) -> int | None:
        """Process id while it runs, also when another process of ours started it."""
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if self._config.encode() in command else None

    def stop(self, *, timeout_s: float = 30) -> None:
        """End it, calls and all; only ever the process that this folder's pid file names."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + timeout_s
            while self.pid() is not None and time.monotonic() < deadline:
                if self._process is not None:
                    self._process.poll()
                time.sleep(0.05)
            pid = self.pid()
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(timeout_s)
        self._pid_file.unlink(missing_ok=True)


#: What must be free before Asterisk and heyi start: port setting, kind, what it carries.
PORTS = (
    ("sip_port", socket.SOCK_DGRAM, "SIP"),
    ("sip_port", socket.SOCK_STREAM, "SIP over TCP"),
    ("sip_ws_port", socket.SOCK_STREAM, "SIP over WebSocket"),
    ("ami_port", socket.SOCK_STREAM, "Asterisk's manager interface"),
    ("media_port", socket.SOCK_STREAM, "live audio"),
    ("agi_port", socket.SOCK_STREAM, "the voice before a person"),
    ("desk_port", socket.SOCK_STREAM, "the desk"),
)


def check_ports(settings: Settings) -> None:
    """Raises :class:`HeyiError` naming the first port that another program holds and the setting that moves ours."""
    for name, kind, purpose in PORTS:
        port = getattr(settings, name)
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, port))
            except OSError as error:
                raise HeyiError(
                    f"port {port} ({purpose}) cannot be used: {error.strerror}",
                    hint=f"end what holds it, or set HEYI_{name.upper()} to a free port",
                ) from error


def check_space(settings: Settings) -> None:
    """Raises :class:`HeyiError` where the data folder cannot be written or has less than ``min_free_mb`` free."""
    folder, need = settings.data, settings.min_free_mb
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free // (1 << 20)
    except OSError as error:
        raise HeyiError(f"{folder} cannot be used: {error.strerror}", hint="set HEYI_DATA to another folder") from error
    if free < need:
        raise HeyiError(
            f"only {free} MB are free in {folder}, heyi needs {need} MB to start",
            hint="free some space or set HEYI_DATA to another disk",
        )
