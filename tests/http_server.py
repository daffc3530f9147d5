"""A real HTTP server on this machine that says what it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


def said(text: object) -> Answer:
    return 200, {}, json.dumps({"choices": [{"message": {"content": text}}]}).encode()


class Server:
    """Answers what it is told to, in turn; ``down`` while it is stopped, on the same port."""

    def __init__(self, *answers: Answer | None) -> None:
        self.requests: list[tuple[str, dict[str, Any], str | None]] = []
        answered, requests = iter(answers), self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                requests.append((self.path, body, self.headers["Authorization"]))
                answer = next(answered)
                if answer is None:  # hangs up in the middle
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
                    self.close_connection = True
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None: ...

        self.handler, self.port, self.http = Handler, 0, None
        self.up()

    def up(self) -> None:
        self.http = ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        self.port = self.http.server_port
        self.thread = Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def down(self) -> None:
        if self.http is not None:
            self.http.shutdown()
            self.http.server_close()
            self.thread.join()
            self.http = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@contextmanager
def serving(*answers: Answer | None) -> Iterator[Server]:
    server = Server(*answers)
    try:
        yield server
    finally:
        server.down()
