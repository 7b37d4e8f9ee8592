"""The counting door counts what went through whole, and changes nothing."""

from __future__ import annotations

from collections import Counter

from tests.faults.counting import _Requests

REQUESTS = (
    b"PUT /bucket/objects/a?X-Amz-Signature=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    b"GET /bucket/objects/a HTTP/1.1\r\nHost: x\r\n\r\n"
    b"PUT /bucket/objects/a HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"
    b"PUT /bucket/objects/b HTTP/1.1\r\ncontent-length: 3\r\n\r\nab"
)


def test_whole_puts_are_counted_however_the_bytes_are_cut() -> None:
    for step in (1, 2, 7, 1000):
        counted: Counter[str] = Counter()
        requests = _Requests(counted)
        for at in range(0, len(REQUESTS), step):
            requests.feed(REQUESTS[at : at + step])
        assert counted == {"/bucket/objects/a": 2}, "the last one is not whole"
