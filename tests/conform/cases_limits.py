"""How much is enough: request line, head, fields, and the same of answers."""

from conform.table import GOT_OK, KEPT, answered, bad_answer, broken_off, forwarded, passes, pieces, refused, relayed, request, response

LINE, HEAD = "RFC 9110 15.5.15", "RFC 6585 5"
LINE_BYTES, HEAD_BYTES, FIELDS = 8192, 32768, 100
ANSWER_BYTES, ANSWER_FIELDS = 65536, 128


def target(line_bytes):
    return "/" + "x" * (line_bytes - len("GET / HTTP/1.1\r\n"))


def filler(head_bytes):
    """One long field that makes the whole head this long."""
    return "X-A: " + "b" * (head_bytes - len(request("GET / HTTP/1.1", "X-A: ")))


def many(count):
    return [f"X-{n}: y" for n in range(count - 1)]


def answer_filler(head_bytes):
    return "X-A: " + "b" * (head_bytes - len(response("X-A: ", "Content-Length: 2")))


def extended(chunks, more=b"", size=1024):
    """A body of chunks with extensions of this size each."""
    chunk = b"1;" + b"e" * (size - 1) + b"\r\nx\r\n"
    return request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=chunk * chunks + b"0" + more + (b"e" if more else b"") +
                   b"\r\n\r\n")


def unextended(chunks):
    return forwarded("POST / HTTP/1.1", framing=("Transfer-Encoding: chunked",), body=b"1\r\nx\r\n" * chunks + b"0\r\n\r\n")


LONG = request(f"GET {target(LINE_BYTES)} HTTP/1.1")
CASES = [
    passes("chunk-extensions-of-4096-bytes", "RFC 9112 7.1.1", extended(4), unextended(4)),
    broken_off("chunk-extensions-of-more-in-one-body", "RFC 9112 7.1.1", extended(4, b";")),
    broken_off("chunk-extensions-of-many-chunks", "RFC 9112 7.1.1", extended(2000, size=5)),
    passes("line-as-long-as-may-be", LINE, LONG, forwarded(f"GET {target(LINE_BYTES)} HTTP/1.1")),
    passes("line-as-long-as-may-be-in-pieces", LINE, pieces(LONG, 1000), forwarded(f"GET {target(LINE_BYTES)} HTTP/1.1")),
    refused("line-one-byte-too-long", LINE, request(f"GET {target(LINE_BYTES + 1)} HTTP/1.1"), 414),
    refused("line-one-byte-too-long-in-pieces", LINE, pieces(request(f"GET {target(LINE_BYTES + 1)} HTTP/1.1"), 1000), 414),
    refused("line-much-too-long", LINE, request(f"GET {target(20000)} HTTP/1.1"), 414),
    refused("line-never-ends", LINE, b"GET /" + b"x" * 20000, 414),
    refused("method-never-ends", LINE, b"X" * 20000, 414),
    passes("head-as-long-as-may-be", HEAD, request("GET / HTTP/1.1", filler(HEAD_BYTES)),
           forwarded("GET / HTTP/1.1", filler(HEAD_BYTES))),
    refused("head-one-byte-too-long", HEAD, request("GET / HTTP/1.1", filler(HEAD_BYTES + 1)), 431),
    refused("head-one-byte-too-long-in-pieces", HEAD, pieces(request("GET / HTTP/1.1", filler(HEAD_BYTES + 1)), 4000), 431),
    refused("head-much-too-long", HEAD, request("GET / HTTP/1.1", filler(60000)), 431),
    refused("name-never-ends", HEAD, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X" * 40000, 431),
    refused("value-never-ends", HEAD, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 40000, 431),
    passes("fields-as-many-as-may-be", HEAD, request("GET / HTTP/1.1", *many(FIELDS)), forwarded("GET / HTTP/1.1", *many(FIELDS))),
    refused("fields-one-too-many", HEAD, request("GET / HTTP/1.1", *many(FIELDS + 1)), 431),
    refused("fields-far-too-many", HEAD, request("GET / HTTP/1.1", *many(2000)), 431),
    refused("fields-one-too-many-byte-by-byte", HEAD, pieces(request("GET / HTTP/1.1", *many(FIELDS + 1)), 100), 431),
    passes("line-with-http-1.0-too-long-for-nobody", LINE, request(f"GET {target(LINE_BYTES)} HTTP/1.1", "X-A: b"),
           forwarded(f"GET {target(LINE_BYTES)} HTTP/1.1", "X-A: b")),
    broken_off("trailers-too-long", "RFC 9112 7.1.2", request("POST / HTTP/1.1", "Transfer-Encoding: chunked",
                                                             body=b"0\r\nX: " + b"y" * 10000 + b"\r\n\r\n"), 431),
    broken_off("trailers-too-many", "RFC 9112 7.1.2", request("POST / HTTP/1.1", "Transfer-Encoding: chunked",
                                                             body=b"0\r\n" + b"X: y\r\n" * 200 + b"\r\n"), 431),
    answered("answer-head-as-long-as-may-be", "RFC 9112 2.2", response(answer_filler(ANSWER_BYTES), "Content-Length: 2", body=b"ok"),
             relayed(answer_filler(ANSWER_BYTES)), lane=KEPT),
    bad_answer("answer-head-one-byte-too-long", "RFC 9112 2.2",
               response(answer_filler(ANSWER_BYTES + 1), "Content-Length: 2", body=b"ok")),
    bad_answer("answer-head-much-too-long", "RFC 9112 2.2", response("X-A: " + "b" * 200000, "Content-Length: 2", body=b"ok")),
    answered("answer-fields-as-many-as-may-be", "RFC 9110 5.4", response(*many(ANSWER_FIELDS - 1), "Content-Length: 2", body=b"ok"),
             relayed(*many(ANSWER_FIELDS - 1)), lane=KEPT),
    bad_answer("answer-fields-one-too-many", "RFC 9110 5.4", response(*many(ANSWER_FIELDS), "Content-Length: 2", body=b"ok")),
    bad_answer("answer-line-too-long", "RFC 9112 4", response("Content-Length: 2", status="HTTP/1.1 200 " + "x" * 9000, body=b"ok")),
    bad_answer("answer-line-never-ends", "RFC 9112 4", b"HTTP/1.1 200 " + b"x" * 20000),
]
