"""Content-Length of requests."""

from conform.table import CLOSED, Case, HalfClose, forwarded, passes, pieces, refused, request

RFC = "RFC 9112 6.2"


def post(*fields, body=b"hello", method="POST"):
    return request(f"{method} / HTTP/1.1", *fields, body=body)


def sent(length, body, method="POST"):
    return forwarded(f"{method} / HTTP/1.1", framing=(f"Content-Length: {length}",), body=body)


INNER = request("GET /inner HTTP/1.1")
GOOD = [
    passes("length-5", RFC, post("Content-Length: 5"), sent(5, b"hello")),
    passes("length-0", RFC, post("Content-Length: 0", body=b""), sent(0, b"")),
    passes("length-zeros-in-front", RFC, post("Content-Length: 0005"), sent(5, b"hello")),
    passes("length-many-zeros", RFC, post("Content-Length: " + "0" * 40 + "5"), sent(5, b"hello")),
    passes("length-000", RFC, post("Content-Length: 000", body=b""), sent(0, b"")),
    passes("length-space-around", "RFC 9112 5.1", post("Content-Length:   5  "), sent(5, b"hello")),
    passes("length-tabs-around", "RFC 9112 5.1", post("Content-Length:\t5\t"), sent(5, b"hello")),
    passes("length-no-space", "RFC 9112 5.1", post("Content-Length:5"), sent(5, b"hello")),
    passes("length-name-in-lower-case", "RFC 9110 5.1", post("content-length: 5"), sent(5, b"hello")),
    passes("length-name-in-mixed-case", "RFC 9110 5.1", post("cOnTeNt-LeNgTh: 5"), sent(5, b"hello")),
    passes("length-get-with-body", "RFC 9110 9.3.1", post("Content-Length: 5", method="GET"), sent(5, b"hello", "GET")),
    passes("length-delete-with-body", "RFC 9110 9.3.5", post("Content-Length: 5", method="DELETE"),
           sent(5, b"hello", "DELETE")),
    passes("length-options-with-body", "RFC 9110 9.3.7", post("Content-Length: 5", method="OPTIONS"),
           sent(5, b"hello", "OPTIONS")),
    passes("length-unknown-method-with-body", RFC, post("Content-Length: 5", method="REPORT"), sent(5, b"hello", "REPORT")),
    passes("length-none-post", "RFC 9112 6.3", post(body=b""), forwarded("POST / HTTP/1.1")),
    passes("length-none-put", "RFC 9112 6.3", post(body=b"", method="PUT"), forwarded("PUT / HTTP/1.1")),
    passes("length-body-in-pieces", RFC, (post("Content-Length: 5", body=b"he"), b"l", b"lo"), sent(5, b"hello")),
    passes("length-body-later", RFC, (post("Content-Length: 5", body=b""), b"hello"), sent(5, b"hello")),
    passes("length-all-byte-by-byte", RFC, pieces(post("Content-Length: 5")), sent(5, b"hello")),
    passes("length-body-is-a-request", "RFC 9112 11.2", post(f"Content-Length: {len(INNER)}", body=INNER), sent(len(INNER), INNER)),
    passes("length-body-of-nul-and-crlf", RFC, post("Content-Length: 8", body=b"\0\r\n\r\n\xff0\n"),
           sent(8, b"\0\r\n\r\n\xff0\n")),
    passes("length-large-body", RFC, post("Content-Length: 100000", body=b"x" * 100000), sent(100000, b"x" * 100000)),
]

BAD_VALUES = {
    "empty": "", "only-space": "   ", "plus": "+5", "minus": "-5", "minus-zero": "-0", "hexadecimal": "0x5",
    "hexadecimal-digit": "a", "octal": "0o5", "inner-space": "5 5", "list-of-equal": "5, 5", "list-without-space": "5,5",
    "list-of-unequal": "5, 6", "list-of-three": "5, 5, 5", "leading-comma": ",5", "trailing-comma": "5,",
    "semicolon": "5;", "fraction": "5.0", "exponent": "5e0", "underscore": "1_0", "quoted": '"5"', "apostrophes": "'5'",
    "letter-behind": "5a", "letter-in-front": "a5", "2-to-the-63": "9223372036854775808",
    "2-to-the-64": "18446744073709551616", "2-to-the-64-plus-5": "18446744073709551621",
    "40-digits": "9" * 40, "full-width-digit": "\xef\xbc\x95", "superscript": "\xb2", "word": "five", "chunked": "chunked",
}
BAD = [refused(f"length-{name}", RFC, post(f"Content-Length: {value}")) for name, value in BAD_VALUES.items()]
BAD += [
    refused("length-nul-behind", "RFC 9110 5.5", post("Content-Length: 5\0")),
    refused("length-vertical-tab-in-front", "RFC 9110 5.5", post("Content-Length: \x0b5")),
    refused("length-form-feed-behind", "RFC 9110 5.5", post("Content-Length: 5\x0c")),
    refused("length-no-break-space-behind", RFC, post("Content-Length: 5\xa0")),
    refused("length-twice-equal", "RFC 9112 6.3", post("Content-Length: 5", "Content-Length: 5")),
    refused("length-twice-unequal", "RFC 9112 6.3", post("Content-Length: 5", "Content-Length: 6")),
    refused("length-twice-with-zero", "RFC 9112 6.3", post("Content-Length: 0", "Content-Length: 5")),
    refused("length-twice-other-case", "RFC 9112 6.3", post("Content-Length: 5", "content-length: 5")),
    refused("length-twice-apart", "RFC 9112 6.3", post("Content-Length: 5", "X: y", "Content-Length: 0")),
    refused("length-twice-one-empty", "RFC 9112 6.3", post("Content-Length: 5", "Content-Length:")),
    refused("length-thrice", "RFC 9112 6.3", post(*["Content-Length: 5"] * 3)),
    refused("length-space-before-colon", "RFC 9112 5.1", post("Content-Length : 5")),
    refused("length-tab-before-colon", "RFC 9112 5.1", post("Content-Length\t: 5")),
    refused("length-space-before-name", "RFC 9112 5.2", post("X: y", " Content-Length: 5")),
    refused("length-folded", "RFC 9112 5.2", post("Content-Length:", " 5")),
    refused("length-folded-second-digit", "RFC 9112 5.2", post("Content-Length: 5", " 0")),
    refused("length-underscore-in-name", "RFC 9112 11.2", post("Content_Length: 5")),
    refused("length-underscore-beside-the-true-one", "RFC 9112 11.2", post("Content-Length: 5", "content_length: 0")),
    refused("length-nul-in-name", "RFC 9110 5.1", post("Content-Length\0: 5")),
    refused("length-bad-in-http-1.0", RFC, request("POST / HTTP/1.0", "Content-Length: +5", body=b"hello")),
    refused("length-bad-with-get", RFC, request("GET / HTTP/1.1", "Content-Length: x")),
    refused("length-bad-byte-by-byte", RFC, pieces(post("Content-Length: 5, 5"))),
]
CUT_SHORT = [
    Case("length-body-ends-early", "RFC 9112 8", (post("Content-Length: 9"), HalfClose), (), (), end=CLOSED, partial=True,
         lane=CLOSED),
    Case("length-head-ends-early", "RFC 9112 8", (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Le", HalfClose), (), (), end=CLOSED),
]
CASES = GOOD + BAD + CUT_SHORT
