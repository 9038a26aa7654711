"""Host."""

from conform.table import CLOSED, forwarded, lines, passes, refused, request

RFC = "RFC 9112 3.2"
SYNTAX = "RFC 9110 7.2"

GOOD = {
    "name": "a", "dots": "a.b.example", "trailing-dot": "a.example.", "port": "a:8080", "port-0": "a:0", "port-65535": "a:65535",
    "empty-port": "a:", "upper-case": "A.Example", "ipv4": "192.0.2.1", "ipv4-port": "192.0.2.1:80", "ipv6": "[::1]",
    "ipv6-port": "[2001:db8::1]:8080", "ipv6-with-ipv4-tail": "[::ffff:192.0.2.1]", "underscore": "a_b", "encoded": "a%20b",
    "hyphen": "a-b", "digits": "1",
}
CASES = [passes(f"host-{name}", SYNTAX, request(host=host), forwarded(host=host, asked=host)) for name, host in GOOD.items()]
CASES += [
    passes("host-empty", RFC, request(host=""), forwarded(host="", asked=None)),
    passes("host-in-lower-case-name", SYNTAX, lines("GET / HTTP/1.1", "hOST: a", ""),
           forwarded("GET / HTTP/1.1", "hOST: a", host=None)),
    passes("host-without-space", SYNTAX, lines("GET / HTTP/1.1", "Host:a", ""), forwarded()),
    passes("host-with-spaces-around", SYNTAX, lines("GET / HTTP/1.1", "Host:  a  ", ""), forwarded()),
    passes("host-last", SYNTAX, lines("GET / HTTP/1.1", "X-A: b", "Host: a", ""),
           forwarded("GET / HTTP/1.1", "X-A: b", "Host: a", host=None)),
    passes("host-missing-in-http-1.0", RFC, request("GET / HTTP/1.0", host=None),
           forwarded(host=None, asked=None, via="1.0 weldr", last=("Host: ",)), end=CLOSED),
    passes("host-named-by-connection-stays", "RFC 9110 7.6.1", request("GET / HTTP/1.1", "Connection: Host"), forwarded()),
    refused("host-missing", RFC, request(host=None)),
    refused("host-missing-in-http-1.2", RFC, request("GET / HTTP/1.2", host=None)),
    refused("host-missing-with-absolute-form", "RFC 9112 3.2.2", request("GET http://a/ HTTP/1.1", host=None)),
    refused("host-missing-with-asterisk", RFC, request("OPTIONS * HTTP/1.1", host=None)),
    refused("host-twice-equal", RFC, request("GET / HTTP/1.1", "Host: a")),
    refused("host-twice-unequal", RFC, request("GET / HTTP/1.1", "Host: b")),
    refused("host-twice-apart", RFC, request("GET / HTTP/1.1", "X: y", "HOST: b")),
    refused("host-twice-one-empty", RFC, request("GET / HTTP/1.1", "Host:")),
    refused("host-twice-in-http-1.0", RFC, request("GET / HTTP/1.0", "Host: b")),
    refused("host-twice-with-absolute-form", "RFC 9112 3.2.2", request("GET http://a/ HTTP/1.1", "Host: b")),
    refused("host-malformed-with-absolute-form", "RFC 9112 3.2.2", request("GET http://a/ HTTP/1.1", host="a b")),
    refused("host-malformed-in-http-1.0", RFC, request("GET / HTTP/1.0", host="a/b")),
    refused("host-space-before-colon", "RFC 9112 5.1", lines("GET / HTTP/1.1", "Host : a", "")),
]
BAD = {
    "list": "a, b", "comma": "a,b", "inner-space": "a b", "user": "u@a", "user-and-password": "u:p@a", "url": "http://a",
    "path": "a/b", "query": "a?b", "fragment": "a#b", "port-too-big": "a:65536", "port-of-six-digits": "a:000080",
    "port-negative": "a:-1", "port-of-letters": "a:http", "two-ports": "a:80:81", "only-port": ":80", "backslash": "a\\b",
    "quotes": '"a"', "open-bracket": "[::1", "close-bracket": "::1]", "ipv6-without-brackets": "::1", "empty-brackets": "[]",
    "name-in-brackets": "[a.example]", "zone": "[fe80::1%25eth0]", "letters-behind-brackets": "[::1]a", "less": "a<b",
    "high-byte": "\xe9", "nul": "a\0", "brace": "a{", "pipe": "a|b", "caret": "a^b", "backtick": "a`b",
}
CASES += [refused(f"host-{name}", SYNTAX, request(host=host)) for name, host in BAD.items()]
