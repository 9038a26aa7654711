"""The fixed script of tools/perf-check: canned messages of a browser and of an origin, a row for each kind of exchange.

Who changes a row changes its figure: give the row another name then, so that nobody compares the two.
"""
import collections

BODY_BYTES = 65536
CHUNK_BYTES = 256
FIELDS_N = 64

BROWSER = (
    "Host: www.example.com",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br",
    "Cookie: session=5f1d7e0c9a8b4c3d; theme=dark",
)
ORIGIN = (
    "Date: Mon, 23 Nov 2026 12:00:00 GMT",
    "Server: canned",
    "Content-Type: text/plain; charset=utf-8",
    "Cache-Control: no-cache",
)


def message(line, common, *fields, body=b""):
    return "\r\n".join((line, *common, *fields, "", "")).encode() + body


def request(method, *fields, body=b""):
    return message(f"{method} /index.html?page=1 HTTP/1.1", BROWSER, *fields, body=body)


def answer(*fields, body=b""):
    return message("HTTP/1.1 200 OK", ORIGIN, *fields, body=body)


def length(body_bytes):
    return f"Content-Length: {body_bytes}"


CHUNKED = "Transfer-Encoding: chunked"
CHUNKS = (b"%x\r\n" % CHUNK_BYTES + b"x" * CHUNK_BYTES + b"\r\n") * 3 + b"0\r\n\r\n"
BODY = b"z" * BODY_BYTES
GET = request("GET")
SHORT = answer(length(12), body=b"hello world\n")
MANY = tuple(f"X-Field-{i:02}: a value of usual length" for i in range(FIELDS_N - len(BROWSER)))

# What the client sends, what the origin answers, and whether each request has a connection of its own.
Row = collections.namedtuple("Row", "request answer is_alone", defaults=(False,))

ROWS = {
    "get": Row(GET, SHORT),
    "get-64-fields": Row(request("GET", *MANY), SHORT),
    "post": Row(request("POST", length(1024), body=b"y" * 1024), SHORT),
    "chunked-both-ways": Row(request("POST", CHUNKED, body=CHUNKS), answer(CHUNKED, body=CHUNKS)),
    "get-64k": Row(GET, answer(length(BODY_BYTES), body=BODY)),
    "post-64k": Row(request("POST", length(BODY_BYTES), body=BODY), SHORT),
    "connection-per-get": Row(GET, SHORT, is_alone=True),
}
