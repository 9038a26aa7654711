"""Where responses end: length, chunks, close, and those that have no body."""

from conform.table import (BROKEN, CLOSED, GOT_OK, KEPT, TO_TLS, Abort, Hangup, Vanish, Wait, answered, cut_answer, forwarded, pieces, relayed, request, response)

LENGTH, CHUNKS, CLOSE, NONE = "RFC 9112 6.2", "RFC 9112 7.1", "RFC 9112 6.3", "RFC 9112 6.3"
CHUNKED = ("Transfer-Encoding: chunked",)
OLD = {"data": request("GET / HTTP/1.0"), "seen": forwarded(via="1.0 weldr"), "end": CLOSED}
OLD_KEEP = {"data": request("GET / HTTP/1.0", "Connection: keep-alive"), "seen": forwarded(via="1.0 weldr"), "end": CLOSED}
HELLO = b"5\r\nhello\r\n0\r\n\r\n"


def chunked(name, body, got=None, rfc=CHUNKS):
    return answered(f"answer-chunks-{name}", rfc, response(*CHUNKED, body=body), relayed(framing=CHUNKED, body=got or body), lane=KEPT)


def bare(name, status, *fields, framing=(), method="GET", rfc=NONE, lane=KEPT):
    """An answer that ends with its head."""
    line = f"HTTP/1.1 {status}"
    return answered(name, rfc, response(*fields, status=line), relayed(status=line, framing=framing, body=b""),
                    data=request(f"{method} / HTTP/1.1"), seen=forwarded(f"{method} / HTTP/1.1"), lane=lane)


CASES = [
    answered("answer-length", LENGTH, response("Content-Length: 5", body=b"hello"), relayed(framing=("Content-Length: 5",),
                                                                                            body=b"hello"), lane=KEPT),
    answered("answer-length-0", LENGTH, response("Content-Length: 0"), relayed(framing=("Content-Length: 0",), body=b""), lane=KEPT),
    answered("answer-length-with-zeros", LENGTH, response("Content-Length: 0002", body=b"ok"), GOT_OK, lane=KEPT),
    answered("answer-length-in-pieces", LENGTH, (response("Content-Length: 5", body=b"h"), b"el", b"lo"),
             relayed(framing=("Content-Length: 5",), body=b"hello"), lane=KEPT),
    answered("answer-length-of-line-ends", LENGTH, response("Content-Length: 8", body=b"0\r\n\r\n\0\r\n"),
             relayed(framing=("Content-Length: 8",), body=b"0\r\n\r\n\0\r\n"), lane=KEPT),
    answered("answer-length-large", LENGTH, response("Content-Length: 200000", body=b"x" * 200000),
             relayed(framing=("Content-Length: 200000",), body=b"x" * 200000), lane=KEPT),
    answered("answer-length-to-1.0", LENGTH, response("Content-Length: 2", body=b"ok"),
             relayed(framing=("Content-Length: 2", "Connection: close")), lane=KEPT, **OLD),
    chunked("one", HELLO),
    chunked("none", b"0\r\n\r\n"),
    chunked("three", b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"),
    chunked("size-made-canonical", b"0005\r\nhello\r\n000\r\n\r\n", HELLO),
    chunked("size-in-upper-case", b"A\r\n0123456789\r\n0\r\n\r\n", b"a\r\n0123456789\r\n0\r\n\r\n"),
    chunked("extension-removed", b'5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n', HELLO, "RFC 9112 7.1.1"),
    chunked("of-line-ends", b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"),
    answered("answer-chunks-coding-in-capitals", CHUNKS, response("transfer-encoding: CHUNKED", body=HELLO),
             relayed(framing=CHUNKED, body=HELLO), lane=KEPT),
    answered("answer-chunks-byte-by-byte", CHUNKS, pieces(response(*CHUNKED, body=HELLO)), relayed(framing=CHUNKED, body=HELLO),
             lane=KEPT),
    answered("answer-chunks-to-1.0", "RFC 9112 6.1", response(*CHUNKED, body=HELLO),
             relayed(framing=("Connection: close",), body=b"hello"), lane=KEPT, **OLD),
    answered("answer-chunks-to-1.0-keep-alive", "RFC 9112 6.1", response(*CHUNKED, body=HELLO),
             relayed(framing=("Connection: close",), body=b"hello"), lane=KEPT, **OLD_KEEP),
    answered("answer-until-close", CLOSE, (response(body=b"hello"), Hangup), relayed(framing=CHUNKED, body=HELLO), lane=CLOSED),
    answered("answer-until-close-empty", CLOSE, (response(), Hangup), relayed(framing=CHUNKED, body=b"0\r\n\r\n"), lane=CLOSED),
    answered("answer-until-close-in-pieces", CLOSE, (response(body=b"hello"), Wait(b"hello"), b"abc", Hangup),
             relayed(framing=CHUNKED, body=b"5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n"), lane=CLOSED),
    answered("answer-until-close-of-1.0", CLOSE, (response(status="HTTP/1.0 200 OK", body=b"hello"), Hangup),
             relayed(via="1.0 weldr", framing=CHUNKED, body=HELLO), lane=CLOSED),
    answered("answer-until-close-to-1.0", CLOSE, (response(body=b"hello"), Hangup),
             relayed(framing=("Connection: close",), body=b"hello"), lane=CLOSED, **OLD),
    answered("answer-until-close-to-1.0-keep-alive", CLOSE, (response(body=b"hello"), Hangup),
             relayed(framing=("Connection: close",), body=b"hello"), lane=CLOSED, **OLD_KEEP),
    answered("answer-until-close-looks-like-chunks", CLOSE, (response(body=b"0\r\n\r\n"), Hangup),
             relayed(framing=CHUNKED, body=b"5\r\n0\r\n\r\n\r\n0\r\n\r\n"), lane=CLOSED),
    bare("answer-204", "204 No Content"),
    bare("answer-204-with-length", "204 No Content", "Content-Length: 5", rfc="RFC 9110 8.6"),
    bare("answer-204-with-length-0", "204 No Content", "Content-Length: 0", rfc="RFC 9110 8.6"),
    bare("answer-304", "304 Not Modified"),
    bare("answer-304-with-length", "304 Not Modified", "Content-Length: 5", framing=("Content-Length: 5",), rfc="RFC 9110 8.6"),
    answered("answer-304-with-etag", "RFC 9110 15.4.5", response("ETag: \"a\"", status="HTTP/1.1 304 Not Modified"),
             relayed("ETag: \"a\"", status="HTTP/1.1 304 Not Modified", framing=(), body=b""), lane=KEPT),
    bare("answer-304-with-chunked", "304 Not Modified", *CHUNKED),
    bare("answer-head-with-length", "200 OK", "Content-Length: 5", framing=("Content-Length: 5",), method="HEAD",
         rfc="RFC 9110 9.3.2"),
    bare("answer-head-with-length-0", "200 OK", "Content-Length: 0", framing=("Content-Length: 0",), method="HEAD",
         rfc="RFC 9110 9.3.2"),
    bare("answer-head-without-length", "200 OK", method="HEAD", rfc="RFC 9110 9.3.2"),
    bare("answer-head-with-chunked", "200 OK", *CHUNKED, method="HEAD", rfc="RFC 9110 9.3.2"),
    bare("answer-head-of-404", "404 Not Found", "Content-Length: 9", framing=("Content-Length: 9",), method="HEAD"),
    bare("answer-head-of-204", "204 No Content", method="HEAD"),
    bare("answer-head-of-304", "304 Not Modified", "Content-Length: 7", framing=("Content-Length: 7",), method="HEAD"),
    cut_answer("cut-length", "RFC 9112 8", (response("Content-Length: 9", body=b"hello"), Hangup),
               relayed(framing=("Content-Length: 9",), body=b"hello")),
    cut_answer("cut-length-by-reset", "RFC 9112 8", (response("Content-Length: 9", body=b"hello"), b"", b"", Abort),
               relayed(framing=("Content-Length: 9",), body=b"hello")),
    cut_answer("cut-chunks-without-end", "RFC 9112 8", (response(*CHUNKED, body=b"5\r\nhello\r\n"), Hangup),
               relayed(framing=CHUNKED, body=b"5\r\nhello\r\n")),
    cut_answer("cut-in-a-chunk", "RFC 9112 8", (response(*CHUNKED, body=b"9\r\nhello"), Hangup),
               relayed(framing=CHUNKED, body=b"9\r\nhello")),
    cut_answer("cut-chunks-with-half-an-end", "RFC 9112 8", (response(*CHUNKED, body=b"5\r\nhello\r\n0\r\n"), Hangup),
               relayed(framing=CHUNKED, body=b"5\r\nhello\r\n")),
    cut_answer("cut-by-a-bad-chunk-size", CHUNKS, (response(*CHUNKED, body=b"5\r\nhello\r\n"), b"x\r\n"),
               relayed(framing=CHUNKED, body=b"5\r\nhello\r\n")),
    cut_answer("cut-by-a-bad-extension", "RFC 9112 7.1.1", (response(*CHUNKED, body=b"5\r\nhello\r\n"), b"0;\r\n\r\n"),
               relayed(framing=CHUNKED, body=b"5\r\nhello\r\n")),
    cut_answer("cut-by-a-bad-chunk-end", CHUNKS, (response(*CHUNKED, body=b"5\r\nhello"), b"XX"),
               relayed(framing=CHUNKED, body=b"5\r\nhello\r\n")),
    cut_answer("cut-by-a-bad-trailer", "RFC 9112 7.1.2", (response(*CHUNKED, body=b"5\r\nhello\r\n"), b"0\r\nX : y\r\n\r\n"),
               relayed(framing=CHUNKED, body=b"5\r\nhello\r\n")),
    cut_answer("cut-until-close-by-reset", "RFC 9112 8", (response(body=b"hello"), b"", b"", Abort),
               relayed(framing=CHUNKED, body=b"5\r\nhello\r\n")),
    answered("cut-until-close-by-reset-to-1.0", "RFC 9112 8", (response(body=b"hello"), b"", b"", Abort),
             relayed(framing=("Connection: close",), body=b"hello"), lane=CLOSED, **{**OLD, "end": BROKEN}),
    answered("answer-with-length-without-close-notify", "RFC 9112 9.8", (response("Content-Length: 2", body=b"ok"), Vanish),
             GOT_OK, lane=CLOSED, sides=TO_TLS),
    cut_answer("cut-until-close-without-close-notify", "RFC 9112 9.8", (response(body=b"hello"), Vanish),
               relayed(framing=CHUNKED, body=b"5\r\nhello\r\n"), sides=TO_TLS),
    answered("cut-until-close-without-close-notify-to-1.0", "RFC 9112 9.8", (response(body=b"hello"), Vanish),
             relayed(framing=("Connection: close",), body=b"hello"), lane=CLOSED, sides=TO_TLS, **{**OLD, "end": BROKEN}),
]
