"""Field lines of requests: names, values, line ends, folding."""

from conform.table import forwarded, lines, passes, pieces, refused, request

NAME, VALUE, LINE, FOLD = "RFC 9110 5.1", "RFC 9110 5.5", "RFC 9112 2.2", "RFC 9112 5.2"


def get(*fields):
    return request("GET / HTTP/1.1", *fields)


TOKEN = "!#$%&'*+-.^_`|~0129AZaz"
GOOD = [
    passes("field-plain", NAME, get("X-A: b"), forwarded("GET / HTTP/1.1", "X-A: b")),
    passes("field-name-keeps-its-case", NAME, get("x-LoWeR: b"), forwarded("GET / HTTP/1.1", "x-LoWeR: b")),
    passes("field-name-of-all-token-characters", NAME, get(f"{TOKEN}: b"), forwarded("GET / HTTP/1.1", f"{TOKEN}: b")),
    passes("field-name-of-one-letter", NAME, get("X: b"), forwarded("GET / HTTP/1.1", "X: b")),
    passes("field-value-empty", VALUE, get("X-A:"), forwarded("GET / HTTP/1.1", "X-A: ")),
    passes("field-value-only-spaces", VALUE, get("X-A:   \t "), forwarded("GET / HTTP/1.1", "X-A: ")),
    passes("field-value-trimmed", "RFC 9112 5.1", get("X-A: \t b \t "), forwarded("GET / HTTP/1.1", "X-A: b")),
    passes("field-value-tight", "RFC 9112 5.1", get("X-A:b"), forwarded("GET / HTTP/1.1", "X-A: b")),
    passes("field-value-inner-tab", VALUE, get("X-A: b\tc"), forwarded("GET / HTTP/1.1", "X-A: b\tc")),
    passes("field-value-inner-spaces", VALUE, get("X-A: b   c"), forwarded("GET / HTTP/1.1", "X-A: b   c")),
    passes("field-value-high-bytes", VALUE, get("X-A: \x80\xff\xe9"), forwarded("GET / HTTP/1.1", "X-A: \x80\xff\xe9")),
    passes("field-value-all-visible", VALUE, get("X-A: " + "".join(map(chr, range(33, 127)))),
           forwarded("GET / HTTP/1.1", "X-A: " + "".join(map(chr, range(33, 127))))),
    passes("field-value-with-colons", VALUE, get("X-A: b: c"), forwarded("GET / HTTP/1.1", "X-A: b: c")),
    passes("field-value-looks-like-a-request", VALUE, get("X-A: GET / HTTP/1.1"),
           forwarded("GET / HTTP/1.1", "X-A: GET / HTTP/1.1")),
    passes("field-repeated-in-order", "RFC 9110 5.3", get("X-A: b", "X-B: c", "X-A: d"),
           forwarded("GET / HTTP/1.1", "X-A: b", "X-B: c", "X-A: d")),
    passes("field-cookies-apart", "RFC 6265 5.4", get("Cookie: a=1", "Cookie: b=2"),
           forwarded("GET / HTTP/1.1", "Cookie: a=1", "Cookie: b=2")),
    passes("field-before-host", "RFC 9110 5.3", lines("GET / HTTP/1.1", "X-A: b", "Host: a", ""),
           forwarded("GET / HTTP/1.1", "X-A: b", "Host: a", host=None)),
    passes("field-long", VALUE, get("X-A: " + "b" * 20000), forwarded("GET / HTTP/1.1", "X-A: " + "b" * 20000)),
    passes("field-byte-by-byte", NAME, pieces(get("X-A:  b ", "X-B:c")),
           forwarded("GET / HTTP/1.1", "X-A: b", "X-B: c")),
    passes("field-underscore", NAME, get("X_A: b"), forwarded("GET / HTTP/1.1", "X_A: b")),
    passes("field-length-look-alike", NAME, get("Content-Lengths: 5"), forwarded("GET / HTTP/1.1", "Content-Lengths: 5")),
]
NOT_IN_NAMES = {
    "space": " ", "tab": "\t", "nul": "\0", "bell": "\7", "delete": "\x7f", "high": "\xe9", "quote": '"', "open-paren": "(",
    "close-paren": ")", "comma": ",", "slash": "/", "semicolon": ";", "less": "<", "equal": "=", "greater": ">",
    "question": "?", "at": "@", "open-bracket": "[", "backslash": "\\", "close-bracket": "]", "open-brace": "{",
    "close-brace": "}", "bare-cr": "\r", "bare-lf": "\n",
}
CONTROLS = [c for c in range(32) if c not in (9, 10, 13)] + [127]
BAD = [refused(f"name-with-{name}", NAME, get(f"X{char}A: b")) for name, char in NOT_IN_NAMES.items()]
BAD += [refused(f"value-with-control-{c:02x}", VALUE, get(f"X-A: b{chr(c)}c")) for c in CONTROLS]
BAD += [
    refused("name-empty", NAME, get(": b")),
    refused("name-missing-colon", NAME, get("X-A")),
    refused("name-missing-colon-with-value", NAME, get("X-A b")),
    refused("name-space-before-colon", "RFC 9112 5.1", get("X-A : b")),
    refused("name-tab-before-colon", "RFC 9112 5.1", get("X-A\t: b")),
    refused("name-nul-before-colon", NAME, get("X-A\0: b")),
    refused("value-bare-cr", LINE, get("X-A: b\rc")),
    refused("value-bare-cr-at-the-end", LINE, get("X-A: b\r")),
    refused("value-cr-cr-lf", LINE, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n"),
    refused("value-bare-cr-hides-a-field", LINE, get("X-A: b\rContent-Length: 5")),
    refused("line-ends-with-bare-lf", LINE, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\n\r\n"),
    refused("all-lines-end-with-bare-lf", LINE, b"GET / HTTP/1.1\nHost: a\n\n"),
    refused("host-line-ends-with-bare-lf", LINE, b"GET / HTTP/1.1\r\nHost: a\n\r\n"),
    refused("head-ends-with-bare-lf", LINE, b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
    refused("head-ends-with-lf-lf", LINE, b"GET / HTTP/1.1\r\nHost: a\n\n"),
    refused("head-ends-with-cr-only", LINE, b"GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n\r\n"),
    refused("fold-with-space", FOLD, get("X-A: b", " c")),
    refused("fold-with-tab", FOLD, get("X-A: b", "\tc")),
    refused("fold-of-an-empty-line", FOLD, get("X-A: b", " ")),
    refused("fold-of-host", FOLD, b"GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n"),
    refused("fold-before-the-first-field", LINE, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    refused("fold-with-tab-before-the-first-field", LINE, b"GET / HTTP/1.1\r\n\tX: b\r\nHost: a\r\n\r\n"),
    refused("fold-hides-a-field", FOLD, get("X-A: b", " Content-Length: 5")),
    refused("fold-byte-by-byte", FOLD, pieces(get("X-A: b", " c"))),
]
CASES = GOOD + BAD
