"""What Weldr takes out of a request and what it adds: hop-by-hop fields, Via, X-Forwarded-*, Expect, Max-Forwards."""

from dataclasses import replace

from conform.table import CLOSED, Answer, Case, Wait, answered, forwarded, lines, passes, refusal, relayed, request, response

HOP, VIA, EXPECT, FORWARDS = "RFC 9110 7.6.1", "RFC 9110 7.6.3", "RFC 9110 10.1.1", "RFC 9110 7.6.2"
LOOP = "RFC 5842 7.2"
PLAIN = forwarded()


def get(*fields):
    return request("GET / HTTP/1.1", *fields)


def seen(*fields, **more):
    return forwarded("GET / HTTP/1.1", *fields, **more)


def own(count):
    """The Via of a request that was here so often."""
    return ", ".join(["1.1 weldr"] * count)


def loops(name, data):
    return Case(f"via-own-{name}", LOOP, (data,), (), (refusal(508, "loop", close=False),))


def gone(name, *fields, left=(), rfc=HOP):
    return passes(f"hop-{name}", rfc, get(*fields), seen(*left))


REMOVED = [
    gone("connection-keep-alive", "Connection: keep-alive"),
    gone("keep-alive", "Keep-Alive: timeout=5"),
    gone("proxy-connection", "Proxy-Connection: keep-alive"),
    gone("te", "TE: gzip", rfc="RFC 9110 10.1.4"),
    gone("trailer-stays", "Trailer: X-A, X-B", left=("Trailer: X-A, X-B",), rfc="RFC 9110 6.6.2"),
    gone("trailer-named-by-connection", "Connection: Trailer", "Trailer: X-A"),
    gone("proxy-authorization", "Proxy-Authorization: Basic eA==", rfc="RFC 9110 11.7.2"),
    gone("named-once", "Connection: X-A", "X-A: b"),
    gone("named-before-it-comes", "X-A: b", "Connection: X-A"),
    gone("named-in-another-case", "Connection: x-a", "X-A: b"),
    gone("named-all-lines-of-it", "X-A: b", "Connection: X-A", "X-A: c", "x-a: d"),
    gone("named-in-a-list", "Connection: keep-alive, X-A,X-B ,, X-C", "X-A: b", "X-B: c", "X-C: d", "X-D: e", left=("X-D: e",)),
    gone("named-in-two-lines", "Connection: X-A", "Connection: X-B", "X-A: b", "X-B: c"),
    gone("named-with-tabs", "Connection:\tX-A\t,\tX-B", "X-A: b", "X-B: c"),
    gone("named-authorization", "Connection: Authorization", "Authorization: Basic eA=="),
    gone("named-cookie", "Connection: Cookie", "Cookie: a=b"),
    gone("named-content-type", "Connection: Content-Type", "Content-Type: text/plain"),
    gone("named-but-not-there", "Connection: X-A"),
    gone("named-look-alike-stays", "Connection: X-A", "X-AB: c", "X: d", left=("X-AB: c", "X: d")),
    gone("named-quoted-is-no-name", 'Connection: "X-A"', "X-A: b", left=("X-A: b",)),
    gone("empty-connection", "Connection:", "X-A: b", left=("X-A: b",)),
    gone("connection-of-commas", "Connection: ,,,", "X-A: b", left=("X-A: b",)),
    gone("named-connection-itself", "Connection: Connection, X-A", "X-A: b"),
]
ENDS = [
    passes("connection-close-stays-here", "RFC 9112 9.6", get("Connection: close"), PLAIN, end=CLOSED),
    passes("connection-close-in-capitals", "RFC 9112 9.6", get("Connection: CLOSE"), PLAIN, end=CLOSED),
    passes("connection-close-in-a-list", "RFC 9112 9.6", get("Connection: X-A, close", "X-A: b"), PLAIN, end=CLOSED),
    passes("connection-close-wins", "RFC 9112 9.3", get("Connection: keep-alive, close"), PLAIN, end=CLOSED),
    passes("connection-close-in-the-second-line", "RFC 9112 9.3", get("Connection: keep-alive", "Connection: close"), PLAIN,
           end=CLOSED),
]
ADDED = [
    passes("via-appended", VIA, get("Via: 1.0 b"), seen(via="1.0 b, 1.1 weldr")),
    passes("via-lines-joined", VIA, get("Via: 1.0 b", "X-A: c", "Via: 1.1 d (e, f)"),
           seen("X-A: c", via="1.0 b, 1.1 d (e, f), 1.1 weldr")),
    passes("via-empty", VIA, get("Via:"), seen()),
    passes("via-of-http-1.0", VIA, request("GET / HTTP/1.0"), seen(via="1.0 weldr"), end=CLOSED),
    passes("via-of-http-1.2", VIA, request("GET / HTTP/1.2"), seen()),
    passes("via-own-nine-times", LOOP, get("Via: " + own(9)), seen(via=own(10))),
    passes("via-own-in-a-comment", LOOP, get(f"Via: {own(9)}, 1.1 b ({own(3)})"), seen(via=f"{own(9)}, 1.1 b ({own(3)}), 1.1 weldr")),
    passes("via-own-look-alikes", LOOP, get("Via: " + "1.1 weldr2, 1.1 weldr:80, weldr, " * 9 + "weldr 1.1"),
           seen(via="1.1 weldr2, 1.1 weldr:80, weldr, " * 9 + "weldr 1.1, 1.1 weldr")),
    loops("ten-times", get("Via: " + own(10))),
    loops("a-hundred-times", get("Via: " + own(100))),
    loops("ten-times-in-lines", get(*["Via: 1.0 weldr", "X-A: b"] * 10)),
    loops("ten-times-in-lists-with-others", get("Via: 1.1 a (b, c), " + own(5), "Via: 1.0 WELDR (d), 1.1 e, " + own(4))),
    loops("behind-a-comment-that-does-not-end", get("Via: 1.1 a (", "Via: " + own(10))),
    Case("via-own-ten-times-with-a-body", LOOP, (request("POST / HTTP/1.1", "Via: " + own(10), "Content-Length: 2", body=b"hi"),),
         (), (refusal(508, "loop"),), end=CLOSED),
    passes("via-named-by-connection", HOP, get("Connection: Via", "Via: 1.0 b"), seen()),
    passes("forwarded-host-made", "issue 2", request(host="b:81"), forwarded(host="b:81", asked="b:81")),
    passes("request-id-kept", "issue 2", get("X-Request-Id: mine"), seen("X-Request-Id: mine", request_id=None),
           got=[relayed(request_id="mine")]),
    passes("request-id-empty", "issue 9", get("X-Request-Id:"), seen()),
    passes("request-id-twice", "issue 9", get("X-Request-Id: one", "X-Request-Id: two"), seen("X-Request-Id: one", request_id=None),
           got=[relayed(request_id="one")]),
    answered("request-id-of-the-server-goes", "issue 9", response("X-Request-Id: theirs", "Content-Length: 2", body=b"ok"), relayed()),
    passes("forwarded-named-by-connection", HOP, get("Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto",
                                                     "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: b",
                                                     "X-Forwarded-Proto: https"), PLAIN),
    passes("request-id-named-by-connection", HOP, get("Connection: X-Request-Id", "X-Request-Id: mine"), PLAIN),
]
UNTOUCHED = ["Accept: */*", "Accept-Encoding: gzip", "Range: bytes=0-1", "If-None-Match: \"a\"", "Authorization: Bearer b",
             "User-Agent: c", "Cache-Control: no-cache", "Pragma: no-cache", "Origin: http://d", "Referer: http://e/",
             "Content-Type: text/plain", "Date: Tue, 15 Nov 1994 08:12:31 GMT", "Server: f", "Warning: 199 - g"]
ADDED += [passes("fields-untouched", "RFC 9110 7.6", get(*UNTOUCHED), seen(*UNTOUCHED))]

CONTINUE = "HTTP/1.1 100 Continue"


def posting(version, *fields):
    return request(f"POST / {version}", *fields, "Content-Length: 5")


def posted(*fields, **more):
    return forwarded("POST / HTTP/1.1", *fields, framing=("Content-Length: 5",), body=b"hello", **more)


OK = relayed()
SAYS_CONTINUE = Answer((response("Content-Length: 2", body=b"ok"),), on_head=(b"HTTP/1.1 100 Continue\r\n\r\n",))
EXPECTS = [
    answered("expect-continue", EXPECT, SAYS_CONTINUE, (b"HTTP/1.1 100 Continue\r\n\r\n", OK),
             data=(posting("HTTP/1.1", "Expect: 100-continue"), Wait(b"Continue\r\n\r\n"), b"hello"),
             seen=posted("Expect: 100-continue")),
    answered("expect-continue-in-capitals", EXPECT, SAYS_CONTINUE, (b"HTTP/1.1 100 Continue\r\n\r\n", OK),
             data=(posting("HTTP/1.1", "Expect: 100-CONTINUE"), Wait(b"Continue\r\n\r\n"), b"hello"),
             seen=posted("Expect: 100-CONTINUE")),
    answered("expect-continue-but-body-at-once", EXPECT, SAYS_CONTINUE, (b"HTTP/1.1 100 Continue\r\n\r\n", OK),
             data=posting("HTTP/1.1", "Expect: 100-continue") + b"hello", seen=posted("Expect: 100-continue")),
    answered("expect-continue-not-said", EXPECT, Answer((response("Content-Length: 2", body=b"ok"),)), OK,
             data=(posting("HTTP/1.1", "Expect: 100-continue"), b"hello"), seen=posted("Expect: 100-continue")),
    answered("expect-named-by-connection", HOP, SAYS_CONTINUE, (b"HTTP/1.1 100 Continue\r\n\r\n", OK),
             data=(posting("HTTP/1.1", "Expect: 100-continue", "Connection: Expect"), Wait(b"Continue\r\n\r\n"), b"hello"),
             seen=posted("Expect: 100-continue")),
    answered("expect-unknown-passes", EXPECT, Answer((response("Content-Length: 2", body=b"ok"),)), OK,
             data=posting("HTTP/1.1", "Expect: cake") + b"hello", seen=posted("Expect: cake")),
    answered("expect-of-http-1.0-is-ignored", EXPECT, Answer((response("Content-Length: 2", body=b"ok"),)),
             relayed(framing=("Content-Length: 2", "Connection: close")),
             data=posting("HTTP/1.0", "Expect: 100-continue") + b"hello", seen=posted(via="1.0 weldr"), end=CLOSED),
    answered("continue-for-http-1.0-is-swallowed", "RFC 9110 15.2", SAYS_CONTINUE,
             relayed(framing=("Content-Length: 2", "Connection: close")), data=posting("HTTP/1.0") + b"hello",
             seen=posted(via="1.0 weldr"), end=CLOSED),
]
ALLOW = ("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE",)
TOLD = lines("HTTP/1.1 200 OK", "Date: {date}", "X-Request-Id: {id}", *ALLOW, "Content-Length: 0", "")
ENOUGH = Case("max-forwards-0-trace", FORWARDS, (request("TRACE /x HTTP/1.1", "Max-Forwards: 0"),), (),
              (refusal(405, "max_forwards", ALLOW, close=False),))


def counted(name, method, value, left):
    return passes(f"max-forwards-{name}", FORWARDS, request(f"{method} /x HTTP/1.1", f"Max-Forwards: {value}"),
                  forwarded(f"{method} /x HTTP/1.1", last=(f"Max-Forwards: {left}",)))


COUNTS = [
    ENOUGH,
    replace(ENOUGH, name="max-forwards-0-options", send=(request("OPTIONS /x HTTP/1.1", "Max-Forwards: 0"),),
            got=(TOLD,)),
    replace(ENOUGH, name="max-forwards-0-options-asterisk", send=(request("OPTIONS * HTTP/1.1", "Max-Forwards: 0"),),
            got=(TOLD,)),
    replace(ENOUGH, name="max-forwards-000", send=(request("TRACE /x HTTP/1.1", "Max-Forwards: 000"),)),
    replace(ENOUGH, name="max-forwards-0-twice", send=(request("TRACE /x HTTP/1.1", "Max-Forwards: 0") * 2,),
            got=(refusal(405, "max_forwards", ALLOW, close=False),) * 2),
    counted("1", "TRACE", "1", "0"),
    counted("10", "OPTIONS", "10", "9"),
    counted("with-zeros", "OPTIONS", "007", "6"),
    counted("too-big-to-count", "TRACE", "9" * 30, "9223372036854775806"),
    passes("max-forwards-of-get-means-nothing", FORWARDS, get("Max-Forwards: 0"), seen("Max-Forwards: 0")),
    passes("max-forwards-malformed", FORWARDS, request("TRACE / HTTP/1.1", "Max-Forwards: x"),
           forwarded("TRACE / HTTP/1.1", "Max-Forwards: x")),
    passes("max-forwards-named-by-connection", HOP, request("TRACE / HTTP/1.1", "Connection: Max-Forwards", "Max-Forwards: 5"),
           forwarded("TRACE / HTTP/1.1")),
]
CASES = REMOVED + ENDS + ADDED + EXPECTS + COUNTS
