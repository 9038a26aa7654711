"""Heads of responses: status lines, fields, hop-by-hop, Via, Date, informational answers."""

from conform.table import (CLOSED, DATE, GOT_OK, KEPT, Answer, Case, answered, forwarded, lines, pieces, refusal, relayed, request,
                           response)

LINE, FIELD, HOP, INFO = "RFC 9112 4", "RFC 9110 5.3", "RFC 9110 7.6.1", "RFC 9110 15.2"
OLD = request("GET / HTTP/1.0")
OLD_SEEN = forwarded(via="1.0 weldr")


def status(name, line, out=None, rfc=LINE, via="1.1 weldr"):
    return answered(f"status-{name}", rfc, response("Content-Length: 2", status=line, body=b"ok"),
                    relayed(status=out or line, via=via))


def fields(name, sent, got, rfc=FIELD):
    return answered(f"answer-{name}", rfc, response(*sent, "Content-Length: 2", body=b"ok"), relayed(*got), lane=KEPT)


MUST_UPGRADE = "HTTP/1.1 426 Upgrade Required"


def needs_upgrade(name, sent, got, framing=("Content-Length: 2",), **more):
    return answered(f"answer-{name}", "RFC 9110 15.5.22", response(*sent, "Content-Length: 2", status=MUST_UPGRADE, body=b"ok"),
                    relayed(*got, status=MUST_UPGRADE, framing=("Connection: upgrade", *framing)), lane=KEPT, **more)


CASES = [status(str(code), f"HTTP/1.1 {code} Some Words") for code in
         (200, 201, 202, 203, 206, 226, 299, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 407, 409, 410, 416, 418, 421, 422,
          425, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 511, 599, 600, 777, 999)]
CASES += [
    status("without-words", "HTTP/1.1 200 ", "HTTP/1.1 200 "),
    status("without-words-and-space", "HTTP/1.1 200", "HTTP/1.1 200 "),
    status("with-tab-in-words", "HTTP/1.1 200 a\tb"),
    status("with-high-bytes-in-words", "HTTP/1.1 200 caf\xe9"),
    status("with-many-words", "HTTP/1.1 200 " + "word " * 100 + "end"),
    status("of-http-1.0", "HTTP/1.0 200 OK", "HTTP/1.1 200 OK", "RFC 9110 6.2", "1.0 weldr"),
    status("of-http-1.9", "HTTP/1.9 200 OK", "HTTP/1.1 200 OK", "RFC 9110 6.2"),
    answered("status-205-without-content", "RFC 9110 15.3.6", response("Content-Length: 0", status="HTTP/1.1 205 Reset Content"),
             relayed(status="HTTP/1.1 205 Reset Content", framing=("Content-Length: 0",), body=b""), lane=KEPT),
    answered("answer-byte-by-byte", LINE, pieces(response("Content-Length: 2", "X-A: b", body=b"ok")), relayed("X-A: b"), lane=KEPT),
    fields("field-passes", ("X-A: b",), ("X-A: b",)),
    fields("field-repeated-in-order", ("X-A: b", "X-B: c", "X-A: d"), ("X-A: b", "X-B: c", "X-A: d")),
    fields("set-cookie-apart", ("Set-Cookie: a=1", "Set-Cookie: b=2"), ("Set-Cookie: a=1", "Set-Cookie: b=2"), "RFC 6265 3"),
    fields("field-trimmed", ("X-A:  \tb\t ",), ("X-A: b",), "RFC 9112 5.1"),
    fields("field-empty", ("X-A:",), ("X-A: ",), "RFC 9110 5.5"),
    fields("field-high-bytes", ("X-A: \x80\xff",), ("X-A: \x80\xff",), "RFC 9110 5.5"),
    fields("field-case-kept", ("x-Ab: C",), ("x-Ab: C",), "RFC 9110 5.1"),
    fields("server-kept", ("Server: demo",), ("Server: demo",), "RFC 9110 10.2.4"),
    fields("location-kept", ("Location: /x?y=z",), ("Location: /x?y=z",), "RFC 9110 10.2.2"),
    fields("cache-fields-kept", ("ETag: \"a\"", "Age: 1", "Vary: *", "Cache-Control: no-store"),
           ("ETag: \"a\"", "Age: 1", "Vary: *", "Cache-Control: no-store"), "RFC 9111 5"),
    fields("www-authenticate-kept", ("WWW-Authenticate: Basic realm=\"a\"",), ("WWW-Authenticate: Basic realm=\"a\"",),
           "RFC 9110 11.6.1"),
    fields("host-in-an-answer", ("Host: b",), ("Host: b",)),
    fields("keep-alive-removed", ("Keep-Alive: timeout=60", "Connection: keep-alive"), (), HOP),
    fields("proxy-connection-removed", ("Proxy-Connection: keep-alive",), (), HOP),
    fields("proxy-authenticate-removed", ("Proxy-Authenticate: Basic",), (), "RFC 9110 11.7.1"),
    fields("te-removed", ("TE: trailers",), (), HOP),
    fields("trailer-stays", ("Trailer: X-A, X-B",), ("Trailer: X-A, X-B",), "RFC 9110 6.6.2"),
    fields("trailer-named-removed", ("Connection: Trailer", "Trailer: X-A"), (), HOP),
    fields("upgrade-removed", ("Connection: upgrade", "Upgrade: h2c"), (), HOP),
    needs_upgrade("426-keeps-upgrade", ("Connection: upgrade", "Upgrade: HTTP/3.0, x"), ("Upgrade: HTTP/3.0, x",)),
    needs_upgrade("426-keeps-upgrade-that-connection-does-not-name", ("Upgrade: websocket", "X-A: b"),
                  ("Upgrade: websocket", "X-A: b")),
    needs_upgrade("426-keeps-all-upgrade-lines", ("Upgrade: a", "Connection: X-A, upgrade", "X-A: b", "upgrade: c"),
                  ("Upgrade: a", "upgrade: c")),
    needs_upgrade("426-keeps-upgrade-when-the-client-asked", ("Connection: upgrade", "Upgrade: x"), ("Upgrade: x",),
                  data=request("GET / HTTP/1.1", "Connection: upgrade", "Upgrade: x"),
                  seen=forwarded(last=("Upgrade: x", "Connection: upgrade"))),
    needs_upgrade("426-keeps-upgrade-for-who-leaves", ("Connection: upgrade", "Upgrade: x"), ("Upgrade: x",), end=CLOSED,
                  framing=("Content-Length: 2", "Connection: close"), data=request("GET / HTTP/1.1", "Connection: close")),
    answered("answer-426-without-upgrade", "RFC 9110 15.5.22", response("Content-Length: 2", status=MUST_UPGRADE, body=b"ok"),
             relayed(status=MUST_UPGRADE), lane=KEPT),
    fields("named-removed", ("Connection: X-A", "X-A: b", "X-B: c"), ("X-B: c",), HOP),
    fields("named-removed-all-lines", ("X-A: b", "Connection: x-a , X-C", "X-A: d", "X-C: e"), (), HOP),
    fields("named-set-cookie-removed", ("Connection: Set-Cookie", "Set-Cookie: a=1"), (), HOP),
    fields("length-named-by-connection", ("Connection: Content-Length",), (), HOP),
]


def via(name, sent, got):
    return answered(f"via-{name}", "RFC 9110 7.6.3", response(*sent, "Content-Length: 2", body=b"ok"), relayed(via=got))


CASES += [
    via("of-the-answer-appended", ("Via: 1.1 b",), "1.1 b, 1.1 weldr"),
    via("of-the-answer-joined", ("Via: 1.0 b", "Via: 1.1 c"), "1.0 b, 1.1 c, 1.1 weldr"),
    via("of-the-answer-named-by-connection", ("Connection: Via", "Via: 1.1 b"), "1.1 weldr"),
    answered("date-made", "RFC 9110 6.6.1", response("Content-Length: 2", body=b"ok", date=False), relayed(made_date=True)),
    answered("date-kept", "RFC 9110 6.6.1", response("Content-Length: 2", body=b"ok"), GOT_OK),
    answered("date-named-by-connection-is-made-anew", HOP, response("Connection: Date", "Content-Length: 2", body=b"ok"),
             relayed(made_date=True)),
    answered("date-malformed-is-kept", "RFC 9110 6.6.1", response("Date: now", "Content-Length: 2", body=b"ok", date=False),
             relayed(date="now")),
]


def info(name, first, got, rfc=INFO, **more):
    """Informational answers, then the final one."""
    return answered(f"info-{name}", rfc, first + response("Content-Length: 2", body=b"ok"), (got, GOT_OK), lane=KEPT, **more)


HINT = lines("HTTP/1.1 103 Early Hints", "Link: </a>; rel=preload", "")
PROCESSING = lines("HTTP/1.1 102 Processing", "")
BIG_HINT = lines("HTTP/1.1 103 Early Hints", *["Link: </" + "a" * 1000 + ">"] * 25, "")
BAD_ANSWER = refusal(502, "origin_bad_answer", close=False)
CASES += [
    info("103", HINT, HINT, "RFC 8297 2"),
    info("102", PROCESSING, PROCESSING),
    info("100-unasked", lines("HTTP/1.1 100 Continue", ""), lines("HTTP/1.1 100 Continue", "")),
    info("199", lines("HTTP/1.1 199 What", "X-A: b", ""), lines("HTTP/1.1 199 What", "X-A: b", "")),
    info("several", PROCESSING + HINT + HINT, PROCESSING + HINT + HINT),
    info("ten", PROCESSING * 10, PROCESSING * 10),
    info("64", PROCESSING * 64, PROCESSING * 64),
    answered("info-65", "issue 9", PROCESSING * 65, (PROCESSING * 64, BAD_ANSWER), lane=CLOSED),
    answered("info-for-ever", "issue 9", PROCESSING * 20000, (PROCESSING * 64, BAD_ANSWER), lane=CLOSED),
    answered("info-of-too-many-bytes", "issue 9", BIG_HINT * 3, (BIG_HINT * 2, BAD_ANSWER), lane=CLOSED),
    answered("info-for-ever-for-a-1.0-client", "issue 9", PROCESSING * 65, refusal(502, "origin_bad_answer"), lane=CLOSED,
             data=OLD, seen=OLD_SEEN, end=CLOSED),
    info("hop-by-hop-removed", lines("HTTP/1.1 103 Early Hints", "Connection: X-A", "X-A: b", "Keep-Alive: c", "X-D: e", ""),
         lines("HTTP/1.1 103 Early Hints", "X-D: e", ""), HOP),
    info("with-length-has-no-body", lines("HTTP/1.1 103 Early Hints", "Content-Length: 5", ""),
         lines("HTTP/1.1 103 Early Hints", ""), "RFC 9112 6.3"),
    info("of-http-1.0", lines("HTTP/1.0 103 Early Hints", ""), lines("HTTP/1.1 103 Early Hints", "")),
    info("close-says-nothing", lines("HTTP/1.1 103 Early Hints", "Connection: close", ""), lines("HTTP/1.1 103 Early Hints", "")),
    answered("info-in-pieces", INFO, (*pieces(HINT, 9), response("Content-Length: 2", body=b"ok")), (HINT, GOT_OK), lane=KEPT),
    answered("info-for-a-1.0-client-is-swallowed", INFO, HINT + response("Content-Length: 2", body=b"ok"),
             relayed(framing=("Content-Length: 2", "Connection: close")), data=OLD, seen=OLD_SEEN, end=CLOSED),
    Case("info-in-a-pipeline", INFO, (request() + request("GET /2 HTTP/1.1"),), (forwarded(), forwarded("GET /2 HTTP/1.1")),
         (HINT, GOT_OK, PROCESSING, GOT_OK), answers=(Answer((HINT + response("Content-Length: 2", body=b"ok"),)),
                                                      Answer((PROCESSING + response("Content-Length: 2", body=b"ok"),)))),
]
