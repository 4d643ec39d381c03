"""A loopback HTTP proxy that damages what passes, one fault at a time and on demand."""

import contextlib
import enum
import http.client
import http.server
import socket
import ssl
import struct
import threading
from typing import Self
from urllib.parse import urlsplit


class Fault(enum.Enum):
    """What happens to one request or to its answer."""

    UNAVAILABLE = "answered with 503 SlowDown, never passed on"
    FORBIDDEN = "answered with 403, never passed on"
    RESET = "connection reset before it is passed on"
    ANSWER_LOST = "passed on and done, then the connection is reset"
    ANSWER_TRUNCATED = "half of the answer's body, then the end of the connection"
    ANSWER_FLIPPED = "one bit of the answer's body is another one"
    REQUEST_FLIPPED = "one bit of the request's body is another one"
    BLACK_HOLE = "no answer at all while the proxy lives"
    DELAYED = "passed on after `FaultyProxy.delay` seconds"
    ERROR_IN_OK = "status 200 with an error document as its body, never passed on"
    EMPTY_OK = "status 200 without a body, never passed on"


Headers = list[tuple[str, str]]
_ERROR = b'<?xml version="1.0"?><Error><Code>%s</Code><Message>injected</Message></Error>'
_CANNED: dict[Fault | None, tuple[int, Headers, bytes]] = {
    Fault.UNAVAILABLE: (503, [], _ERROR % b"SlowDown"),
    Fault.FORBIDDEN: (403, [], _ERROR % b"AccessDenied"),
    Fault.ERROR_IN_OK: (200, [], _ERROR % b"InternalError"),
    Fault.EMPTY_OK: (200, [], b""),
}
_HOP_BY_HOP = {"connection", "keep-alive", "expect", "transfer-encoding"}


class FaultyProxy:
    """Passes requests from `endpoint` to `upstream`, with the faults it was given, in turn."""

    def __init__(self, upstream: str, tls: ssl.SSLContext | None = None) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.delay = 0.2
        self.requests: list[str] = []  # methods of all that arrived
        self.released = threading.Event()
        self._faults: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.proxy = self  # type: ignore[attr-defined]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        port = self._server.server_address[1]
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def inject(self, fault: Fault, *, method: str, times: int = 1) -> None:
        """Let the next `times` requests of that method meet `fault`."""
        with self._lock:
            self._faults += [(method, fault)] * times

    def clear(self) -> None:
        """Forget the faults that nothing has met, and the requests so far."""
        with self._lock:
            self._faults.clear()
            self.requests.clear()

    def meet(self, method: str) -> Fault | None:
        """The fault for a request of that method, used up by asking."""
        with self._lock:
            self.requests.append(method)
            fault = next((fault for wanted, fault in self._faults if wanted == method), None)
            if fault is not None:
                self._faults.remove((method, fault))
            return fault


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def pass_on(self) -> None:
        proxy: FaultyProxy = self.server.proxy  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = proxy.meet(self.command)
        if fault in _CANNED:
            return self.send(*_CANNED[fault])
        if fault is Fault.BLACK_HOLE:
            proxy.released.wait(60)
        if fault in {Fault.BLACK_HOLE, Fault.RESET}:
            return self.reset()
        if fault is Fault.DELAYED:
            proxy.released.wait(proxy.delay)
        if fault is Fault.REQUEST_FLIPPED:
            body = flipped(body)
        return self.send_answer(fault, *self.fetch(proxy.upstream, body))

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on  # noqa: N815 - names of http.server

    def fetch(self, upstream: str, body: bytes) -> tuple[int, Headers, bytes]:
        connection = http.client.HTTPConnection(upstream, timeout=30)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():  # the signature covers Host, so it stays
            if name.lower() not in _HOP_BY_HOP:
                connection.putheader(name, value)
        connection.endheaders(body)
        with contextlib.closing(connection), connection.getresponse() as answer:
            return answer.status, answer.getheaders(), answer.read()

    def send_answer(self, fault: Fault | None, status: int, headers: Headers, body: bytes) -> None:
        if fault is Fault.ANSWER_LOST:
            return self.reset()
        if fault is Fault.ANSWER_FLIPPED:
            body = flipped(body)
        return self.send(status, headers, body, cut=fault is Fault.ANSWER_TRUNCATED)

    def send(self, status: int, headers: Headers, body: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        length = dict(headers).get("Content-Length") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


def flipped(body: bytes) -> bytes:
    """The body with one bit in its middle changed."""
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :] if body else body
