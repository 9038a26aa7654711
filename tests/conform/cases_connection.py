"""Who keeps which connection: HTTP/1.1 and 1.0 on both sides."""

from conform.table import (CLOSED, GOT_LAST_OK, GOT_OK, KEPT, OK, Abort, Answer, Case, Hangup, HalfClose, Wait, answered, forwarded,
                           lines, passes, relayed, request, response)

RFC, OLD = "RFC 9112 9.3", "RFC 9112 C.2.2"
OLD_SEEN = forwarded(via="1.0 weldr")
KEEPS = ("Content-Length: 2", "Connection: keep-alive")
CLOSES = ("Content-Length: 2", "Connection: close")


def old(*fields):
    return request("GET / HTTP/1.0", *fields)


CLIENTS = [
    passes("client-1.1-is-kept", RFC, request(), forwarded(), lane=KEPT),
    passes("client-1.1-twice", RFC, request() + request(), forwarded(), forwarded(), lane=KEPT),
    passes("client-1.1-close", "RFC 9112 9.6", request("GET / HTTP/1.1", "Connection: close"), forwarded(), end=CLOSED, lane=KEPT),
    passes("client-1.1-unknown-option", RFC, request("GET / HTTP/1.1", "Connection: whatever"), forwarded(), lane=KEPT),
    passes("client-1.0-is-closed", RFC, old(), OLD_SEEN, end=CLOSED, lane=KEPT),
    passes("client-1.0-close", RFC, old("Connection: close"), OLD_SEEN, end=CLOSED),
    passes("client-1.0-keep-alive", OLD, old("Connection: keep-alive"), OLD_SEEN, got=(relayed(framing=KEEPS),), lane=KEPT),
    passes("client-1.0-keep-alive-in-capitals", OLD, old("Connection: Keep-Alive"), OLD_SEEN, got=(relayed(framing=KEEPS),)),
    passes("client-1.0-keep-alive-twice", OLD, old("Connection: keep-alive") * 2, OLD_SEEN, OLD_SEEN,
           got=(relayed(framing=KEEPS),) * 2),
    passes("client-1.0-keep-alive-and-close", RFC, old("Connection: keep-alive, close"), OLD_SEEN, end=CLOSED),
    passes("client-1.0-proxy-connection", OLD, old("Proxy-Connection: keep-alive"), OLD_SEEN, end=CLOSED),
    passes("client-1.0-keep-alive-field-only", OLD, old("Keep-Alive: timeout=5"), OLD_SEEN, end=CLOSED),
    passes("client-1.0-post", RFC, request("POST / HTTP/1.0", "Content-Length: 5", body=b"hello"),
           forwarded("POST / HTTP/1.1", via="1.0 weldr", framing=("Content-Length: 5",), body=b"hello"), end=CLOSED),
    passes("client-ends-its-half", "RFC 9112 9.6", (request(), HalfClose), forwarded(), got=(GOT_OK,), end=CLOSED),
]
ORIGINS = [
    answered("origin-1.1-is-kept", RFC, response("Content-Length: 2", body=b"ok"), GOT_OK, lane=KEPT),
    answered("origin-1.1-close", "RFC 9112 9.6", response("Connection: close", "Content-Length: 2", body=b"ok"), GOT_OK, lane=CLOSED),
    answered("origin-1.1-close-in-a-list", "RFC 9112 9.6", response("Connection: X-A, Close", "X-A: b", "Content-Length: 2",
                                                                    body=b"ok"), GOT_OK, lane=CLOSED),
    answered("origin-1.1-closes-unsaid", "RFC 9112 9.5", (response("Content-Length: 2", body=b"ok"), Hangup), GOT_OK, lane=CLOSED),
    answered("origin-1.1-resets-after-its-answer", "RFC 9112 9.5", (response("Content-Length: 2", body=b"ok"), Abort), GOT_OK,
             lane=CLOSED),
    answered("origin-1.0-is-not-kept", RFC, response("Content-Length: 2", status="HTTP/1.0 200 OK", body=b"ok"),
             relayed(via="1.0 weldr"), lane=CLOSED),
    answered("origin-1.0-keep-alive", OLD, response("Connection: keep-alive", "Content-Length: 2", status="HTTP/1.0 200 OK",
                                                    body=b"ok"), relayed(via="1.0 weldr"), lane=KEPT),
    answered("origin-1.0-keep-alive-without-length", OLD, (response("Connection: keep-alive", status="HTTP/1.0 200 OK",
                                                                    body=b"ok"), Hangup),
             relayed(via="1.0 weldr", framing=("Transfer-Encoding: chunked",), body=b"2\r\nok\r\n0\r\n\r\n"), lane=CLOSED),
    answered("origin-1.2-is-kept", RFC, response("Content-Length: 2", status="HTTP/1.2 200 OK", body=b"ok"), GOT_OK, lane=KEPT),
    answered("both-1.0", RFC, response("Content-Length: 2", status="HTTP/1.0 200 OK", body=b"ok"),
             relayed(via="1.0 weldr", framing=CLOSES), data=old(), seen=OLD_SEEN, end=CLOSED, lane=CLOSED),
    answered("both-1.0-keep-alive", OLD, response("Connection: keep-alive", "Content-Length: 2", status="HTTP/1.0 200 OK",
                                                  body=b"ok"), relayed(via="1.0 weldr", framing=KEEPS),
             data=old("Connection: keep-alive"), seen=OLD_SEEN, lane=KEPT),
    answered("extra-bytes-behind-the-answer", "RFC 9112 9.2", response("Content-Length: 2", body=b"okEXTRA"), GOT_OK, lane=CLOSED),
    answered("extra-answer-behind-the-answer", "RFC 9112 9.2", response("Content-Length: 2", body=b"ok") * 2, GOT_OK, lane=CLOSED),
    answered("extra-answer-a-little-later", "RFC 9112 9.2", (response("Content-Length: 2", body=b"ok"),
                                                             response("Content-Length: 5", body=b"wrong")), GOT_OK, lane=CLOSED),
    answered("extra-crlf-behind-the-answer", "RFC 9112 9.2", response("Content-Length: 2", body=b"ok\r\n"), GOT_OK, lane=CLOSED),
    answered("extra-1xx-behind-the-answer", "RFC 9112 9.2", response("Content-Length: 2", body=b"ok") +
             lines("HTTP/1.1 103 Early Hints", ""), GOT_OK, lane=CLOSED),
    answered("extra-bytes-behind-chunks", "RFC 9112 9.2", response("Transfer-Encoding: chunked", body=b"0\r\n\r\nX"),
             relayed(framing=("Transfer-Encoding: chunked",), body=b"0\r\n\r\n"), lane=CLOSED),
    answered("body-behind-head", "RFC 9110 9.3.2", response("Content-Length: 2", body=b"ok"), relayed(body=b""),
             data=request("HEAD / HTTP/1.1"), seen=forwarded("HEAD / HTTP/1.1"), lane=CLOSED),
    answered("body-behind-204", "RFC 9110 15.3.5", response("Content-Length: 2", status="HTTP/1.1 204 No Content", body=b"ok"),
             relayed(status="HTTP/1.1 204 No Content", framing=(), body=b""), lane=CLOSED),
    answered("body-behind-304", "RFC 9110 15.4.5", response("Content-Length: 2", status="HTTP/1.1 304 Not Modified", body=b"ok"),
             relayed(status="HTTP/1.1 304 Not Modified", body=b""), lane=CLOSED),
]


def early(name, rfc, fields, rest, answer=OK, got=GOT_OK, **more):
    """The origin answers upon the request's head; what comes of the body behind that it does not get whole."""
    head = request("POST / HTTP/1.1", *fields)
    return Case(f"early-answer-{name}", rfc, (head, Wait(b"\r\n\r\nok"), *rest), (), (got,), answers=(Answer((), on_head=(answer,)),),
                lane=CLOSED, partial=True, **more)


EARLY_CLOSE = "RFC 9112 9.6"
ANSWERS = [
    early("and-a-little-body", RFC, ("Content-Length: 10",), (b"0123456789",)),
    early("and-a-little-body-in-pieces", RFC, ("Content-Length: 10",), (b"01234", b"5678", b"9")),
    early("and-a-body-like-a-request", "RFC 9112 11.2", ("Content-Length: 43",), (request("GET /x HTTP/1.1", host="smuggled.example"),)),
    early("and-64-kib", RFC, ("Content-Length: 65536",), (b"x" * 65536,)),
    early("and-more-than-64-kib", EARLY_CLOSE, ("Content-Length: 65537",), (b"x",), got=GOT_LAST_OK, end=CLOSED),
    early("and-chunks", EARLY_CLOSE, ("Transfer-Encoding: chunked",), (b"1\r\nx\r\n0\r\n\r\n",), got=GOT_LAST_OK, end=CLOSED),
    early("instead-of-100", "RFC 9110 10.1.1", ("Content-Length: 5", "Expect: 100-continue"), (request(),), got=GOT_LAST_OK, end=CLOSED),
    early("and-the-end-of-both", EARLY_CLOSE, ("Content-Length: 5", "Connection: close"), (b"hello",), got=GOT_LAST_OK, end=CLOSED),
]
CASES = CLIENTS + ORIGINS + ANSWERS
