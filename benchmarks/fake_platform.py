"""A pretended platform in a process of its own that does nothing but count: customer-service and mass messages.

It knows whom it wrote to how often, keeps a limit a minute if told to (sliding, as strict as any platform), and can
tell its counts over HTTP. Written on bare asyncio, so that on two cores it is not what is measured.
"""

import argparse
import asyncio
import json
import time
from collections import Counter, deque
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from bot.cli.common import fast_loop


class Counting:
    """What was accepted, by recipient; `limit` requests in any minute (0: no limit)."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.accepted: Counter[str] = Counter()
        self.keys: dict[str, str] = {}
        self.requests = 0
        self.refused = 0
        self.first = 0.0
        self.last = 0.0
        self.moments: deque[float] = deque()

    def answer(self, target: str, body: bytes) -> dict[str, Any]:
        """The platform's answer to one request."""
        path = urlsplit(target).path
        if path == "/cgi-bin/stable_token":
            return {"access_token": "t" * 40, "expires_in": 7200}
        if path == "/counts":
            asked = parse_qs(urlsplit(target).query)
            return self.counts(names="names" in asked)
        now = time.monotonic()
        if self.limit and not self._has_room(now):
            self.refused += 1
            return {"errcode": 45011, "errmsg": "api freq limit"}
        message = json.loads(body)
        self.requests += 1
        self.first = self.first or now
        self.last = now
        if path == "/cgi-bin/message/mass/send":
            return self._mass(message)
        self.accepted[message["touser"]] += 1
        return {"errcode": 0, "errmsg": "ok"}

    def counts(self, *, names: bool) -> dict[str, Any]:
        """What was accepted: recipients, messages, those written to twice, seconds from first to last."""
        found = {
            "recipients": len(self.accepted),
            "messages": self.accepted.total(),
            "twice": sum(number > 1 for number in self.accepted.values()),
            "requests": self.requests,
            "refused": self.refused,
            "seconds": self.last - self.first,
        }
        return found | {"names": list(self.accepted)} if names else found

    def _mass(self, message: dict[str, Any]) -> dict[str, Any]:
        key = message.get("clientmsgid", "")
        if key in self.keys:
            return {"errcode": 45065, "errmsg": "clientmsgid exist", "msg_id": self.keys[key]}
        self.accepted.update(message["touser"])
        self.keys[key] = str(len(self.keys) + 1)
        return {"errcode": 0, "errmsg": "send job submission success", "msg_id": self.keys[key]}

    def _has_room(self, now: float) -> bool:
        while self.moments and self.moments[0] <= now - 60:
            self.moments.popleft()
        if len(self.moments) >= self.limit:
            return False
        self.moments.append(now)
        return True


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as much of it as our client speaks."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = 0
            lower = head.lower()
            at = lower.find(b"content-length:")
            if at >= 0:
                length = int(lower[at + 15 :].split(b"\r\n", 1)[0])
            if len(rest) < length:
                return
            body, self._buffer = rest[:length], rest[length:]
            target = head.split(b" ", 2)[1].decode()
            answer = json.dumps(self._counting.answer(target, body)).encode()
            assert self._transport is not None
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (len(answer), answer)
            )


async def serve(port: int, limit: int) -> None:
    """Answer on `port` until killed."""
    counting = Counting(limit)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(counting), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Run it: `python -m benchmarks.fake_platform --port 9000 --limit 60`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--limit", type=int, default=0)
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(serve(arguments.port, arguments.limit))


if __name__ == "__main__":
    main()
