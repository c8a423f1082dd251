"""Bytes on the socket to a method of `FakeHub` and back."""

from __future__ import annotations

import json
import re
import socket
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from fakehub import ROUTES, FakeHub, Reply, error


class HubConnection(BaseHTTPRequestHandler):
    """One connection of a client."""

    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def serve(self) -> None:
        body = self.read_body()
        if body is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        url = urlsplit(self.path)
        with self.hub.lock:
            self.hub.requests.append(f"{self.command} {unquote(url.path)}")
            try:
                self.hub.allow(self.token(), self.command, url.path, url.query)
                is_proposal = "/commit/" in url.path and url.query == "create_pr=1"
                reply = self.answer(f"{self.command} {url.path}{'?create_pr=1' if is_proposal else ''}", body)
            except Reply as raised:
                reply = raised
        self.send(self.cut_to_range(reply))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve

    def read_body(self) -> bytes | None:
        """None if the connection breaks off before the end of it."""
        hub, length = self.hub, int(self.headers.get("Content-Length", 0))
        with hub.lock:
            is_upload = self.command == "PUT" and hub.cut_after is not None
            is_last = is_upload and hub.cut_after < length
            if is_upload:
                hub.cut_after = None if is_last else hub.cut_after - length
            if is_last:
                self.rfile.read(length // 2)
                hub.is_cut = hub.stays_cut
                hub.when_cut()
            return None if is_last or hub.is_cut else self.rfile.read(length)

    def token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def answer(self, request: str, body: bytes) -> Reply:
        request = request.replace("HEAD ", "GET ", 1)
        for pattern, method in ROUTES.items():
            if match := re.fullmatch(pattern, request):
                values = {name: unquote(value) for name, value in match.groupdict().items()}
                answer = method(self.hub, body, **values)
                return answer if isinstance(answer, Reply) else Reply(200, json.dumps(answer).encode())
        raise error(501, f"FakeHub does not know {request}")

    def cut_to_range(self, reply: Reply) -> Reply:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not wanted or "Accept-Ranges" not in reply.headers:
            return reply
        size = len(reply.body)
        begin, last = int(wanted[1]), int(wanted[2] or size - 1)
        headers = {**reply.headers, "Content-Range": f"bytes {begin}-{last}/{size}"}
        return Reply(206, reply.body[begin : last + 1], headers)

    def send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def log_message(self, *args: object) -> None:
        pass
