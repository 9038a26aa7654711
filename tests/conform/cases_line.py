"""Request lines: methods, spaces, versions, what comes before the line, other protocols."""

from conform.table import (CLOSED, GOT_LAST_OK, GOT_OK, KEPT, Case, HalfClose, answered, forwarded, lines, passes, pieces, refusal,
                           refused, relayed, request, response)

RFC, METHOD, VERSION, BEFORE = "RFC 9112 3", "RFC 9110 9.1", "RFC 9112 2.3", "RFC 9112 2.2"
NO_BODY = relayed(body=b"")

GOOD = [passes(f"method-{m}", METHOD, request(f"{m} /x HTTP/1.1"), forwarded(f"{m} /x HTTP/1.1"))
        for m in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "M-SEARCH", "X")]
GOOD += [
    answered("method-HEAD", "RFC 9110 9.3.2", response("Content-Length: 2"), NO_BODY, data=request("HEAD /x HTTP/1.1"),
             seen=forwarded("HEAD /x HTTP/1.1")),
    passes("method-of-all-token-characters", METHOD, request("!#$%&'*+-.^_`|~09Az / HTTP/1.1"),
           forwarded("!#$%&'*+-.^_`|~09Az / HTTP/1.1")),
    passes("method-of-100-letters", METHOD, request("X" * 100 + " / HTTP/1.1"), forwarded("X" * 100 + " / HTTP/1.1")),
    passes("version-1.2", "RFC 9110 2.5", request("GET / HTTP/1.2"), forwarded()),
    passes("version-1.9", "RFC 9110 2.5", request("GET / HTTP/1.9"), forwarded()),
    passes("version-1.0", "RFC 9110 2.5", request("GET / HTTP/1.0"), forwarded(via="1.0 weldr"), end=CLOSED),
    passes("crlf-before", BEFORE, b"\r\n" + request(), forwarded()),
    passes("crlf-before-in-pieces", BEFORE, (b"\r", b"\n", request()), forwarded()),
    passes("crlf-before-the-second", BEFORE, request() + b"\r\n" + request("GET /2 HTTP/1.1"), forwarded(),
           forwarded("GET /2 HTTP/1.1")),
    passes("crlf-after-a-body", BEFORE, request("POST / HTTP/1.1", "Content-Length: 2", body=b"hi\r\n") +
           request("GET /2 HTTP/1.1"), forwarded("POST / HTTP/1.1", framing=("Content-Length: 2",), body=b"hi"),
           forwarded("GET /2 HTTP/1.1")),
    passes("line-byte-by-byte", RFC, pieces(request("GET /abc HTTP/1.1")), forwarded("GET /abc HTTP/1.1")),
    Case("line-connection-without-a-byte", "RFC 9112 9.5", (HalfClose,), (), (), end=CLOSED),
    Case("line-only-crlf", BEFORE, (b"\r\n", HalfClose), (), (), end=CLOSED),
    Case("line-half", "RFC 9112 8", (b"GET / HT", HalfClose), (), (), end=CLOSED),
]
NOT_IN_METHODS = {"tab": "\t", "nul": "\0", "high": "\xe9", "quote": '"', "paren": "(", "comma": ",", "slash": "/", "colon": ":",
                  "semicolon": ";", "less": "<", "equal": "=", "at": "@", "bracket": "[", "backslash": "\\", "brace": "{"}
BAD = [refused(f"method-with-{name}", METHOD, request(f"GE{char}T / HTTP/1.1")) for name, char in NOT_IN_METHODS.items()]
BAD += [refused(f"line-{name}", rfc, lines(line, "Host: a", ""), status) for name, rfc, line, status in [
    ("two-spaces-behind-the-method", RFC, "GET  / HTTP/1.1", 400),
    ("two-spaces-behind-the-target", RFC, "GET /  HTTP/1.1", 400),
    ("space-in-front", RFC, " GET / HTTP/1.1", 400),
    ("space-at-the-end", RFC, "GET / HTTP/1.1 ", 400),
    ("tab-at-the-end", RFC, "GET / HTTP/1.1\t", 400),
    ("tab-behind-the-method", RFC, "GET\t/ HTTP/1.1", 400),
    ("tab-behind-the-target", RFC, "GET /\tHTTP/1.1", 400),
    ("vertical-tab-behind-the-method", RFC, "GET\x0b/ HTTP/1.1", 400),
    ("form-feed-behind-the-target", RFC, "GET /\x0cHTTP/1.1", 400),
    ("no-break-space-behind-the-method", RFC, "GET\xa0/ HTTP/1.1", 400),
    ("bare-cr-behind-the-method", RFC, "GET\r/ HTTP/1.1", 400),
    ("bare-cr-behind-the-version", RFC, "GET / HTTP/1.1\r", 400),
    ("bare-cr-in-the-version", RFC, "GET / HTTP/\r1.1", 400),
    ("no-method", METHOD, "/ HTTP/1.1", 400),
    ("no-target", RFC, "GET HTTP/1.1", 400),
    ("empty-target", RFC, "GET  HTTP/1.1", 400),
    ("no-version", "RFC 9112 2.3", "GET /", 400),
    ("no-version-but-space", "RFC 9112 2.3", "GET / ", 400),
    ("four-words", RFC, "GET / x HTTP/1.1", 400),
    ("only-a-method", RFC, "GET", 400),
    ("garbage", RFC, "\x01\x02\x03", 400),
    ("nul-in-front", RFC, "\0GET / HTTP/1.1", 400),
    ("version-in-lower-case", VERSION, "GET / http/1.1", 400),
    ("version-in-mixed-case", VERSION, "GET / Http/1.1", 400),
    ("version-of-another-protocol", VERSION, "GET / ICAP/1.1", 400),
    ("version-without-slash", VERSION, "GET / HTTP1.1", 400),
    ("version-without-minor", VERSION, "GET / HTTP/1", 400),
    ("version-with-comma", VERSION, "GET / HTTP/1,1", 400),
    ("version-with-two-minor-digits", VERSION, "GET / HTTP/1.10", 400),
    ("version-with-two-major-digits", VERSION, "GET / HTTP/11.1", 400),
    ("version-with-zero-in-front", VERSION, "GET / HTTP/01.1", 400),
    ("version-with-plus", VERSION, "GET / HTTP/+1.1", 400),
    ("version-with-letter", VERSION, "GET / HTTP/1.x", 400),
    ("version-with-space", VERSION, "GET / HTTP/ 1.1", 400),
    ("version-with-nul", VERSION, "GET / HTTP/1.1\0", 400),
    ("version-0.9", "RFC 9110 15.6.6", "GET / HTTP/0.9", 505),
    ("version-0.0", "RFC 9110 15.6.6", "GET / HTTP/0.0", 505),
    ("version-2.0", "RFC 9110 15.6.6", "GET / HTTP/2.0", 505),
    ("version-3.0", "RFC 9110 15.6.6", "GET / HTTP/3.0", 505),
    ("version-9.9", "RFC 9110 15.6.6", "GET / HTTP/9.9", 505),
]]
BAD += [
    refused("http-0.9", "RFC 9112 2.3", b"GET /\r\n"),
    refused("http-0.9-with-bare-lf", "RFC 9112 2.3", b"GET /\n"),
    refused("http-2-preface", "RFC 9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    refused("http-2-preface-in-pieces", "RFC 9113 3.4", (b"PRI * HT", b"TP/2.0\r\n\r\nSM\r\n\r\n"), 505),
    refused("tls-client-hello", RFC, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
    refused("socks-greeting", RFC, b"\x05\x01\0"),
    refused("request-line-ends-with-bare-lf", BEFORE, b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    refused("request-line-ends-with-bare-cr", BEFORE, b"GET / HTTP/1.1\rHost: a\r\n\r\n"),
    refused("lf-before", BEFORE, b"\n" + request()),
    refused("cr-before", BEFORE, b"\r" + request()),
    refused("two-crlf-before", BEFORE, b"\r\n\r\n" + request()),
    refused("space-before-byte-by-byte", RFC, pieces(b" GET / HTTP/1.1\r\n\r\n")),
]
CASES = GOOD + BAD
