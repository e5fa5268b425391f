"""A server on this machine that has every fault a real one has, and archives for it."""

import http.server
import io
import re
import tarfile
import time


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`, {path: bytes}, in ranges; `faults` are taken off one by one, a fault an answer."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.asked = {}, [], []

    def url(self, name):
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server, fault = self.server, self.server.faults.pop(0) if self.server.faults else None
        server.asked.append(self.headers.get("Range"))
        content = server.files.get(self.path[1:])
        if content is None or isinstance(fault, int):
            self.send_error(404 if content is None else fault)
            return
        first = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(first[1]) if first and fault != "no ranges" else 0
        if first and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if fault != "no length":
            self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        end = start + (len(content) - start) // 2 if fault in ("cut", "stall") else len(content)
        self.wfile.write(content[start:end])
        if fault == "stall":
            self.wfile.flush()
            time.sleep(2)


def packed(*entries, mode="w"):
    """A tar archive of (name, bytes), or of ready TarInfos without content."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as made:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                made.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                made.addfile(info, io.BytesIO(entry[1]))
    return stream.getvalue()
