"""Answers that break the rules before their body: the client gets 502, the origin connection is not used again."""

from conform.table import Abort, Hangup, bad_answer, lines, pieces, refusal, response, answered, forwarded, request, CLOSED

LENGTH, CODING, LINE, NAME, VALUE, FOLD = ("RFC 9112 6.2", "RFC 9112 6.1", "RFC 9112 4", "RFC 9110 5.1", "RFC 9110 5.5",
                                           "RFC 9112 5.2")


def bad(name, rfc, *fields, body=b"ok", **more):
    return bad_answer(f"bad-answer-{name}", rfc, response(*fields, body=body, **more))


LENGTHS = {
    "empty": "", "plus": "+2", "minus": "-2", "hexadecimal": "0x2", "list-of-equal": "2, 2", "list-of-unequal": "2, 3",
    "inner-space": "2 2", "letter": "2a", "fraction": "2.0", "2-to-the-63": "9223372036854775808", "2-to-the-64": "1" + "8" * 19,
    "quoted": '"2"',
}
CODINGS = {
    "gzip": "gzip", "identity": "identity", "gzip-then-chunked": "gzip, chunked", "chunked-then-gzip": "chunked, gzip",
    "chunked-twice-in-a-list": "chunked, chunked", "empty": "", "letter-in-front": "xchunked", "parameter": "chunked;a=b",
    "comma": "chunked,", "quoted": '"chunked"',
}
HINT = lines("HTTP/1.1 103 Early Hints", "")
POST = {"data": request("POST / HTTP/1.1", "Content-Length: 2", body=b"hi"),
        "seen": forwarded("POST / HTTP/1.1", framing=("Content-Length: 2",), body=b"hi")}


def unfinished(name, rfc, answer, first=b""):
    """The origin leaves before its answer begins in earnest; what is not idempotent is not sent again."""
    return answered(name, rfc, answer, (first, refusal(502, "origin_reset", close=False)), lane=CLOSED, **POST)


CHUNKED = "Transfer-Encoding: chunked"
END = b"0\r\n\r\n"
CASES = [bad(f"length-{name}", LENGTH, f"Content-Length: {value}") for name, value in LENGTHS.items()]
CASES += [bad(f"coding-{name}", CODING, f"Transfer-Encoding: {value}", body=END) for name, value in CODINGS.items()]
CASES += [
    bad("length-twice-equal", "RFC 9112 6.3", "Content-Length: 2", "Content-Length: 2"),
    bad("length-twice-unequal", "RFC 9112 6.3", "Content-Length: 2", "Content-Length: 3"),
    bad("length-and-coding", "RFC 9112 6.3", "Content-Length: 2", CHUNKED, body=END),
    bad("coding-and-length", "RFC 9112 6.3", CHUNKED, "Content-Length: 2", body=END),
    bad("coding-twice", CODING, CHUNKED, CHUNKED, body=END),
    bad("coding-in-http-1.0", CODING, CHUNKED, body=END, status="HTTP/1.0 200 OK"),
    bad("coding-with-204", CODING, CHUNKED, body=END, status="HTTP/1.1 204 No Content"),
    bad("length-bad-with-204", LENGTH, "Content-Length: x", body=b"", status="HTTP/1.1 204 No Content"),
    bad("length-bad-with-304", LENGTH, "Content-Length: x", body=b"", status="HTTP/1.1 304 Not Modified"),
    bad("length-space-before-colon", "RFC 9112 5.1", "Content-Length : 2"),
    bad("coding-space-before-colon", "RFC 9112 5.1", "Transfer-Encoding : chunked", body=END),
    bad("name-with-space", NAME, "X A: b"),
    bad("name-empty", NAME, ": b"),
    bad("name-without-colon", NAME, "X-A"),
    bad("name-with-nul", NAME, "X\0: b"),
    bad("name-with-paren", NAME, "X(: b"),
    bad("name-with-high-byte", NAME, "X\xe9: b"),
    bad("value-with-nul", VALUE, "X-A: b\0"),
    bad("value-with-bell", VALUE, "X-A: b\7"),
    bad("value-with-delete", VALUE, "X-A: b\x7f"),
    bad("value-with-escape", VALUE, "X-A: b\x1b[31m"),
    bad("value-with-bare-cr", "RFC 9112 2.2", "X-A: b\rc"),
    bad("value-with-bare-lf", "RFC 9112 2.2", "X-A: b\nc: d"),
    bad("value-splits-the-answer", "RFC 9112 11.1", "X-A: b\r\r\n"),
    bad("fold", FOLD, "X-A: b", " c", "Content-Length: 2"),
    bad("fold-with-tab", FOLD, "X-A: b", "\tc", "Content-Length: 2"),
    bad_answer("bad-answer-fold-before-the-first-field", FOLD, b"HTTP/1.1 200 OK\r\n X: y\r\nContent-Length: 2\r\n\r\nok"),
    bad_answer("bad-answer-lines-end-with-bare-lf", "RFC 9112 2.2", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    bad_answer("bad-answer-head-ends-with-bare-lf", "RFC 9112 2.2", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok"),
    bad_answer("bad-answer-byte-by-byte", LENGTH, pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n", 5)),
    bad_answer("bad-answer-of-1.0", LENGTH, lines("HTTP/1.0 200 OK", "Content-Length: x", "")),
]
STATUS_LINES = {
    "version-2": "HTTP/2.0 200 OK", "version-0.9": "HTTP/0.9 200 OK", "version-in-lower-case": "http/1.1 200 OK",
    "version-without-minor": "HTTP/1 200 OK", "version-with-two-digits": "HTTP/1.10 200 OK", "of-another-protocol": "ICY 200 OK",
    "no-status": "HTTP/1.1", "no-status-but-space": "HTTP/1.1 ", "status-of-two-digits": "HTTP/1.1 20 OK",
    "status-of-four-digits": "HTTP/1.1 2000 OK", "status-of-letters": "HTTP/1.1 abc OK", "status-000": "HTTP/1.1 000 OK",
    "status-099": "HTTP/1.1 099 OK",
    "status-negative": "HTTP/1.1 -20 OK", "status-with-plus": "HTTP/1.1 +20 OK", "two-spaces": "HTTP/1.1  200 OK",
    "tab": "HTTP/1.1\t200 OK", "tab-behind-status": "HTTP/1.1 200\tOK", "letter-behind-status": "HTTP/1.1 200x OK",
    "nul-in-words": "HTTP/1.1 200 O\0K", "control-in-words": "HTTP/1.1 200 O\x01K", "bare-cr-in-words": "HTTP/1.1 200 O\rK",
    "bare-lf": "HTTP/1.1 200 OK\nX: y", "space-in-front": " HTTP/1.1 200 OK", "a-request": "GET / HTTP/1.1", "empty": "",
    "words-only": "hello there", "nul": "\0", "tls-alert": "\x15\x03\x01\0\x02\x02\x46",
}
CASES += [bad_answer(f"bad-status-line-{name}", LINE, lines(line, "Content-Length: 2", "") + b"ok")
          for name, line in STATUS_LINES.items()]
CASES += [
    bad_answer("bad-switch-unasked", "RFC 9110 15.2.2", lines("HTTP/1.1 101 Switching Protocols", "Upgrade: x",
                                                             "Connection: Upgrade", "")),
    bad_answer("bad-info-with-coding", CODING, lines("HTTP/1.1 103 Early Hints", CHUNKED, "")),
    bad_answer("bad-info-malformed", NAME, lines("HTTP/1.1 103 Early Hints", "X A: b", "") + response("Content-Length: 2", body=b"ok")),
    answered("bad-answer-after-103", LENGTH, HINT + response("Content-Length: x"), (HINT, refusal(502, "origin_bad_answer", close=False)), lane=CLOSED),
    answered("bad-answer-to-head", LENGTH, response("Content-Length: x"), refusal(502, "origin_bad_answer", close=False, body=False),
             data=request("HEAD / HTTP/1.1"), seen=forwarded("HEAD / HTTP/1.1"), lane=CLOSED),
    answered("bad-answer-to-post", LENGTH, response("Content-Length: x"), refusal(502, "origin_bad_answer", close=False),
             lane=CLOSED, **POST),
    answered("bad-answer-to-1.0", LENGTH, response("Content-Length: x"), refusal(502, "origin_bad_answer"),
             data=request("GET / HTTP/1.0"), seen=forwarded(via="1.0 weldr"), end=CLOSED, lane=CLOSED),
    unfinished("no-answer-to-post", "RFC 9112 9.3.1", (b"", Hangup)),
    unfinished("half-a-status-line", "RFC 9112 8", (b"HTTP/1.1 20", Hangup)),
    unfinished("half-a-head", "RFC 9112 8", (b"HTTP/1.1 200 OK\r\nContent-Le", Hangup)),
    unfinished("half-a-head-by-reset", "RFC 9112 8", (b"HTTP/1.1 200 OK\r\nContent-Le", b"", Abort)),
    unfinished("only-103", "RFC 9112 8", (HINT, Hangup), HINT),
]
