"""A small file server that can break: it cuts connections, ignores ranges, refuses."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """Serves ``content`` under every path. Its behaviour may be changed while it runs."""

    content: bytes
    #: After how many bytes of each answer the connection is cut; the last entry stays in force, None: not at all.
    cuts: list[int | None] = field(default_factory=lambda: [None])
    ranges: bool = True
    #: An answer in place of the file.
    status: int | None = None
    #: The Range header of every request, empty where there was none.
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/model.zip"

    @contextmanager
    def running(self) -> Iterator["FileServer"]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _handler(served: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            served.asked.append(wanted)
            if served.status is not None:
                self.send_error(served.status)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and served.ranges else 0
            size = len(served.content)
            if start >= size:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            self.send_header("Content-Length", str(size - start))
            self.end_headers()
            cut = served.cuts.pop(0) if len(served.cuts) > 1 else served.cuts[0]
            rest = served.content[start:]
            self.wfile.write(rest if cut is None else rest[:cut])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Not on the tests' output."""

    return Handler
