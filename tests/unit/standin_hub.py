"""A hub on the loopback interface that serves folders, and misbehaves as it is told."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(slots=True)
class StandIn:
    """``folders`` are repositories by their names; the rest says what goes wrong.

    ``cut`` says after how many bytes the connection breaks while a file comes, for so many times; ``busy`` how often it
    answers 429; ``listing`` is laid over what is said about each repository; ``forged`` maps files to what comes instead.
    """

    folders: Mapping[str, Path]
    url: str = ""
    gated: bool = False
    token: str = ""
    cut: int = 0
    cuts: int = 0
    busy: int = 0
    ranges: bool = True
    listing: Mapping[str, Any] = field(default_factory=dict[str, Any])
    forged: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    elsewhere: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Path, range and whether a token came."""

    def described(self, name: str) -> Mapping[str, Any]:
        """Return what the hub says about a repository."""
        files = sorted(file for file in self.folders[name].iterdir() if file.is_file())
        return {
            "id": name,
            "sha": COMMIT,
            "cardData": {"license": "apache-2.0"},
            "siblings": [_sibling(file) for file in files],
            **self.listing,
        }


def _sibling(file: Path) -> Mapping[str, Any]:
    content = file.read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    large = file.suffix in {".safetensors", ".bin"}
    lfs = {"lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}}
    return {"rfilename": file.name, "size": len(content), "blobId": git, **(lfs if large else {})}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: StandIn

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  as it is called in the library
        """Say nothing."""

    def do_GET(self) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        token = self.headers.get("Authorization", "")
        hub.asked.append((path, self.headers.get("Range", ""), token))
        if hub.busy:
            hub.busy -= 1
            return self._say(429, {"Retry-After": "7"})
        if hub.token and token != f"Bearer {hub.token}" and not path.startswith("/cdn/"):
            return self._say(401)
        if hub.gated:
            return self._say(403, {"X-Error-Code": "GatedRepo"})
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            return self._describe("/".join(parts[2:4]), parts[5])
        if parts[0] != "cdn":  # as the real one sends to another host for the large ones
            return self._say(302, {"Location": f"{hub.elsewhere or hub.url}/cdn/{'/'.join(parts)}"})
        return self._send("/".join(parts[1:3]), parts[-1])

    def _describe(self, name: str, revision: str) -> None:
        if name not in self.hub.folders:
            return self._say(404, {"X-Error-Code": "RepoNotFound"})
        if revision not in {"main", COMMIT}:
            return self._say(404, {"X-Error-Code": "RevisionNotFound"})
        return self._say(200, body=json.dumps(self.hub.described(name)).encode())

    def _send(self, name: str, file: str) -> None:
        content = self.hub.forged.get(file) or (self.hub.folders[name] / file).read_bytes()
        start = 0
        asked = self.headers.get("Range", "")
        if asked and self.hub.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        part = content[start:]
        heads = {"Content-Length": str(len(part))}
        if start:
            heads["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if self.hub.cuts and len(part) > self.hub.cut:
            self.hub.cuts -= 1
            part = part[: self.hub.cut]
            self.close_connection = True
        self._say(206 if start else 200, heads, part)

    def _say(self, status: int, heads: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(heads or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def standing_in(folders: Mapping[str, Path]) -> Generator[StandIn]:
    """Serve ``folders`` on a free port."""
    hub = StandIn(folders=folders)
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
