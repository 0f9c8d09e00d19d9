"""A web server on loopback that serves byte ranges of files, and says which were asked for."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves one range a request; `server.asked` holds first and last byte of each."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return self.send_error(404)
        size, span = path.stat().st_size, self.headers.get("Range")
        first, last = 0, size - 1
        if span:
            start, end = span.removeprefix("bytes=").split("-")
            first, last = int(start), min(int(end or last), last)
        self.server.asked.append((first, last))
        self.send_response(206 if span else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        with path.open("rb") as file:
            file.seek(first)
            self.wfile.write(file.read(last - first + 1))


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[http.server.ThreadingHTTPServer]:
    """The files of a folder, at `http://127.0.0.1:<server_port>/`."""
    handler = functools.partial(Ranges, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
