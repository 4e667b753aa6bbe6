"""A hub on the loopback interface that takes dataset repositories and commits, and keeps what it was sent."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(slots=True)
class DatasetHub:
    """``private`` says of each repository whether it is; ``files`` are what was committed; ``stored`` large files by hash.

    ``broken`` refuses those. Files whose names end like one of ``large`` are to be uploaded apart, as the hub has it for data.
    """

    url: str = ""
    token: str = "hf_right"
    large: tuple[str, ...] = (".jsonl", ".parquet")
    private: dict[str, bool] = field(default_factory=dict[str, bool])
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    stored: dict[str, bytes] = field(default_factory=dict[str, bytes])
    broken: bool = False
    asked: list[str] = field(default_factory=list[str])

    def committed(self, lines: list[dict[str, Any]]) -> None:
        """Take the operations of a commit."""
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.files[value["path"]] = self.stored[value["oid"]]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: DatasetHub

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  as it is called in the library
        """Say nothing."""

    def do_GET(self) -> None:
        if self._refused():
            return
        name = self._path().removeprefix("/api/datasets/")
        if name not in self.hub.private:
            self._say(404, {"error": "no such repository"})
            return
        self._say(
            200, {"id": name, "sha": COMMIT, "private": self.hub.private[name], "siblings": [], "tags": []}
        )

    def do_PUT(self) -> None:
        content = self._body()
        if self.hub.broken:
            self._say(400, {"error": "something is wrong with it"})
            return
        self.hub.stored[hashlib.sha256(content).hexdigest()] = content
        self._say(200, {})

    def do_POST(self) -> None:
        body = self._body()
        if self._refused():
            return
        path = self._path()
        if path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._say(200, {"errors": [], "warnings": []})
        elif path.endswith("/preupload/main"):
            files = [
                {
                    "path": one["path"],
                    "uploadMode": self._mode(one["path"]),
                    "shouldIgnore": False,
                    "oid": None,
                }
                for one in json.loads(body)["files"]
            ]
            self._say(200, {"files": files})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**one, "actions": {"upload": {"href": f"{self.hub.url}/put/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            self._say(200, {"transfer": "basic", "objects": objects})
        elif "/commit/" in path:
            self.hub.committed([json.loads(line) for line in body.splitlines()])
            self._say(
                200,
                {
                    "commitUrl": f"{self.hub.url}/datasets/ann/best/commit/{COMMIT}",
                    "commitOid": COMMIT,
                    "pullRequestUrl": None,
                },
            )
        else:
            self._say(404, {"error": path})

    def _create(self, asked: dict[str, Any]) -> None:
        name = "/".join(part for part in (asked.get("organization"), asked["name"]) if part)
        url = {"url": f"{self.hub.url}/datasets/{name}", "name": name, "id": name}
        if name in self.hub.private:
            self._say(409, {"error": "it is there", **url})
            return
        visibility = asked.get("visibility") or ("private" if asked.get("private") else "public")
        self.hub.private[name] = visibility == "private"
        self._say(200, url)

    def _mode(self, path: str) -> str:
        return "lfs" if path.endswith(self.hub.large) else "regular"

    def _path(self) -> str:
        return urlsplit(self.path).path

    def _refused(self) -> bool:
        self.hub.asked.append(f"{self.command} {self._path()}")
        if self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self._say(401, {"error": "who are you?"})
            return True
        return False

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _say(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def dataset_hub() -> Generator[DatasetHub]:
    """Serve a hub on a free port."""
    hub = DatasetHub()
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
