"""Chunked bodies of requests: sizes, extensions, line ends, trailers that are malformed."""

from conform.table import CLOSED, GOT_OK, Case, HalfClose, broken_off, forwarded, passes, pieces, refusal, request

RFC = "RFC 9112 7.1"
EXT = "RFC 9112 7.1.1"
CHUNKED = "Transfer-Encoding: chunked"


def post(body):
    return request("POST / HTTP/1.1", CHUNKED, body=body)


def sent(body):
    return forwarded("POST / HTTP/1.1", framing=(CHUNKED,), body=body)


HELLO = b"5\r\nhello\r\n0\r\n\r\n"
GOOD = [
    passes("chunks-one", RFC, post(HELLO), sent(HELLO)),
    passes("chunks-none", RFC, post(b"0\r\n\r\n"), sent(b"0\r\n\r\n")),
    passes("chunks-three", RFC, post(b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"),
           sent(b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n")),
    passes("chunks-size-with-zeros", RFC, post(b"0005\r\nhello\r\n0\r\n\r\n"), sent(HELLO)),
    passes("chunks-size-with-many-zeros", RFC, post(b"0" * 60 + b"5\r\nhello\r\n0\r\n\r\n"), sent(HELLO)),
    passes("chunks-last-with-zeros", RFC, post(b"5\r\nhello\r\n0000\r\n\r\n"), sent(HELLO)),
    passes("chunks-size-in-lower-case", RFC, post(b"a\r\n0123456789\r\n0\r\n\r\n"), sent(b"a\r\n0123456789\r\n0\r\n\r\n")),
    passes("chunks-size-in-upper-case", RFC, post(b"A\r\n0123456789\r\n0\r\n\r\n"), sent(b"a\r\n0123456789\r\n0\r\n\r\n")),
    passes("chunks-of-line-ends", RFC, post(b"5\r\n\r\n0\r\n\r\n0\r\n\r\n"), sent(b"5\r\n\r\n0\r\n\r\n0\r\n\r\n")),
    passes("chunks-byte-by-byte", RFC, pieces(post(HELLO)), sent(HELLO)),
    passes("chunks-large", RFC, post(b"c350\r\n" + b"x" * 50000 + b"\r\n0\r\n\r\n"),
           sent(b"c350\r\n" + b"x" * 50000 + b"\r\n0\r\n\r\n")),
    passes("chunks-split-in-the-size", RFC, (post(b"1"), b"0\r\n0123456789abcdef\r", b"\n0\r", b"\n\r\n"),
           sent(b"10\r\n0123456789abcdef\r\n0\r\n\r\n")),
]
GOOD_EXTENSIONS = {
    "name": b";a", "name-and-value": b";a=b", "two": b";a=b;c=d", "quoted-value": b';a="b c"', "escaped-quote": b';a="b\\"c"',
    "quoted-semicolon": b';a=";;"', "bad-white-space": b" ; a = b", "tab": b"\t;a", "empty-quoted-value": b';a=""',
    "all-token-characters": b";!#$%&'*+-.^_`|~09Az=1",
}
GOOD += [passes(f"extension-{name}", EXT, post(b"5" + ext + b"\r\nhello\r\n0" + ext + b"\r\n\r\n"), sent(HELLO))
         for name, ext in GOOD_EXTENSIONS.items()]

BAD_LINES = {
    "empty-line": b"", "not-hexadecimal": b"g", "minus": b"-5", "plus": b"+5", "0x": b"0x5", "space-in-front": b" 5",
    "tab-in-front": b"\t5", "space-behind": b"5 ", "tab-behind": b"5\t", "inner-space": b"5 5", "comma": b"5,5",
    "underscore": b"0_5", "2-to-the-63": b"8000000000000000", "2-to-the-64": b"10000000000000000",
    "2-to-the-64-plus-5": b"10000000000000005", "forty-digits": b"f" * 40, "nul": b"5\0", "letter-behind": b"5x",
    "fraction": b"5.0", "high-byte": b"\xb5", "only-extension": b";a=b", "double-zero-x": b"00x5", "quote": b'"5"',
}
TRAILERS = b"X-Sum: 1\r\n"
MISPLACED = b"Forwarded: for=192.0.2.1\r\nMax-Forwards: 1\r\nX-Forwarded-Port: 1\r\nx_forwarded_for: 192.0.2.1\r\n"
MISPLACED += b"Content_Length: 5\r\nTransfer_Encoding: chunked\r\nCookie: a=b\r\nHost: b\r\nAuthorization: c\r\n"
MISPLACED += b"Content-Encoding: gzip\r\nContent-Range: bytes 0-1/2\r\nTE: trailers\r\n"
GOOD += [passes("trailer-that-may-not-be-one", "RFC 9110 6.5.1", post(b"5\r\nhello\r\n0\r\n" + MISPLACED + TRAILERS + b"\r\n"),
                sent(HELLO[:-2] + TRAILERS + b"\r\n"))]
BAD_EXTENSIONS = {
    "nul": b";a=\0", "bare-cr": b";a\rb", "bare-lf-in-value": b";a=\nb", "delete": b";a\x7f", "no-semicolon": b" a=b",
    "empty": b";", "empty-second": b";a;", "empty-first": b";;a", "no-name": b";=b", "no-value": b";a=",
    "two-words": b";a b", "open-quote": b';a="b', "quote-and-more": b';a="b"c', "comma": b";a,b", "space-behind": b";a ",
    "two-equal-signs": b";a=b=c", "control-in-quotes": b';a="\x01"', "high-byte-in-name": b";\xe9",
}
BAD = [broken_off(f"chunk-size-{name}", RFC, post(line + b"\r\nhello\r\n0\r\n\r\n")) for name, line in BAD_LINES.items()]
BAD += [broken_off(f"bad-extension-{name}", EXT, post(b"5" + ext + b"\r\nhello\r\n0\r\n\r\n"))
        for name, ext in BAD_EXTENSIONS.items()]
BAD += [broken_off(f"chunk-{name}", rfc, post(body)) for name, rfc, body in [
    ("size-ends-with-bare-lf", "RFC 9112 2.2", b"5\nhello\r\n0\r\n\r\n"),
    ("size-ends-with-bare-cr", "RFC 9112 2.2", b"5\rhello\r\n0\r\n\r\n"),
    ("size-ends-with-cr-cr-lf", "RFC 9112 2.2", b"5\r\r\nhello\r\n0\r\n\r\n"),
    ("data-ends-with-bare-lf", RFC, b"5\r\nhello\n0\r\n\r\n"),
    ("data-ends-with-bare-cr", RFC, b"5\r\nhello\r0\r\n\r\n"),
    ("data-longer-than-size", RFC, b"4\r\nhello\r\n0\r\n\r\n"),
    ("data-shorter-than-size", RFC, b"6\r\nhello\r\n0\r\n\r\n"),
    ("data-without-line-end", RFC, b"5\r\nhello0\r\n\r\n"),
    ("data-ends-with-two-other-bytes", RFC, b"5\r\nhelloXX0\r\n\r\n"),
    ("second-size-bad", RFC, b"5\r\nhello\r\nx\r\n0\r\n\r\n"),
    ("last-with-bare-lf", RFC, b"5\r\nhello\r\n0\n\n"),
    ("last-then-bare-lf", RFC, b"5\r\nhello\r\n0\r\n\n"),
    ("line-of-5000-zeros", RFC, b"0" * 5000 + b"5\r\nhello\r\n0\r\n\r\n"),
    ("extension-of-5000-bytes", EXT, b"5;a=" + b"b" * 5000 + b"\r\nhello\r\n0\r\n\r\n"),
    ("size-bad-behind-a-good-one", RFC, b"5;a\r\nhello\r\n5;\r\nhello\r\n0\r\n\r\n"),
    ("trailer-without-colon", "RFC 9112 7.1.2", b"0\r\nX\r\n\r\n"),
    ("trailer-with-space-before-colon", "RFC 9112 7.1.2", b"0\r\nX : y\r\n\r\n"),
    ("trailer-with-bare-lf", "RFC 9112 7.1.2", b"0\r\nX: y\n\r\n"),
    ("trailer-with-nul", "RFC 9112 7.1.2", b"0\r\nX: \0\r\n\r\n"),
    ("trailer-folded", "RFC 9112 7.1.2", b"0\r\nX: y\r\n z\r\n\r\n"),
    ("trailer-with-empty-name", "RFC 9112 7.1.2", b"0\r\n: y\r\n\r\n"),
]]
BAD += [
    broken_off("chunk-size-bad-byte-by-byte", RFC, pieces(post(b"5 \r\nhello\r\n0\r\n\r\n"))),
    Case("chunks-end-early", "RFC 9112 8", (post(b"5\r\nhello\r\n"), HalfClose), (), (), end=CLOSED, partial=True, lane=CLOSED),
    Case("chunk-bad-behind-the-answer", RFC, (request("GET /first HTTP/1.1"), post(b"x\r\n")),
         (forwarded("GET /first HTTP/1.1"),), (GOT_OK, refusal()),
         end=CLOSED, partial=True),
]
CASES = GOOD + BAD
