"""A CERN Open Data portal on this machine."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@contextmanager
def portal(pages: dict[str, bytes]) -> Iterator[str]:
    """A server on this machine with these pages by path, and 404 for all others."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in pages else 404)
            self.end_headers()
            self.wfile.write(pages.get(self.path, b"<html>not found</html>"))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def serving_records(data: Path) -> Iterator[str]:
    """The portal with the eight NanoAOD records, and the text indexes of MuonEG and of DoubleMuon of Run2016G."""
    served = {}
    for record in json.loads((data / "records/cms-primary-datasets-Run2016GH-nanoaod.json").read_text()):
        served[f"/api/records/{record['recid']}"] = json.dumps({"id": record["recid"], "metadata": record}).encode()
    folders = defaultdict(list)
    for url in (data / "filelists/MuonEG_Run2016GH_urls.txt").read_text().split():
        era, dataset, tier, version, folder, _ = url.split("/opendata/cms/")[1].split("/")
        folders[f"CMS_{era}_{dataset}_{tier}_{version}_{folder}_file_index.txt"].append(url)
    for name, urls in folders.items():
        recid = 30528 if "Run2016G" in name else 30561
        served[f"/record/{recid}/files/{name}"] = "".join(f"{url}\n" for url in sorted(urls)).encode()
    index = next((data / "filelists").glob("CMS_Run2016G_DoubleMuon_*_file_index.txt"))
    served[f"/record/30522/files/{index.name}"] = index.read_bytes()
    with portal(served) as url:
        yield url
