"""Host."""

from conform.table import CLOSED, Answer, forwarded, lines, passes, refused, relayed, request, response

RFC = "RFC 9112 3.2"
SYNTAX = "RFC 9110 7.2"

GOOD = {
    "name": "a", "dots": "a.b.example", "trailing-dot": "a.example.", "port": "a:8080", "port-0": "a:0", "port-65535": "a:65535",
    "empty-port": "a:", "upper-case": "A.Example", "ipv4": "192.0.2.1", "ipv4-port": "192.0.2.1:80", "ipv6": "[::1]",
    "ipv6-port": "[2001:db8::1]:8080", "ipv6-with-ipv4-tail": "[::ffff:192.0.2.1]", "underscore": "a_b", "encoded": "a%20b",
    "hyphen": "a-b", "digits": "1", "encoded-lower-case": "a%c3%a9", "encoded-only": "%41", "sub-delims": "a!$&'()*+;=b",
    "not-quite-ipv4": "1.2.3.4.5", "ipv4-too-big-is-a-name": "256.1.1.1", "ipv6-whole": "[1:2:3:4:5:6:7:8]", "ipv6-any": "[::]",
    "ipv6-one-group-left-out": "[1:2:3:4:5:6:7::]", "ipv6-upper-case": "[2001:DB8::A]", "ipv6-whole-with-ipv4": "[1:2:3:4:5:6:7.8.9.0]",
    "ip-future": "[v1.a]", "ip-future-port": "[vF.a:b!]:80", "ip-future-upper-case": "[V1.a]",
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
           forwarded(host=None, asked=None, via="1.0 weldr", last=("Host: {origin}",)), end=CLOSED),
    passes("host-missing-in-http-1.0-kept-alive", "issue 9", request("HEAD / HTTP/1.0", "Connection: keep-alive", host=None),
           forwarded("HEAD / HTTP/1.1", host=None, asked=None, via="1.0 weldr", last=("Host: {origin}",)),
           got=[relayed(framing=("Content-Length: 2", "Connection: keep-alive"), body=b"")],
           answers=(Answer((response("Content-Length: 2"),)),)),
    passes("host-missing-in-http-1.0-with-absolute-form", "issue 9", request("GET http://b/ HTTP/1.0", host=None),
           forwarded(host=None, asked="b", via="1.0 weldr", last=("Host: b",)), end=CLOSED),
    passes("host-empty-in-http-1.0", "issue 9", request("GET / HTTP/1.0", host=""),
           forwarded(host="", asked=None, via="1.0 weldr"), end=CLOSED),
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
    "percent-letters": "%zz", "percent-one-digit": "%4", "percent-at-the-end": "a%", "percent-alone": "%", "percent-twice": "%%41",
    "percent-before-port": "a%:80", "percent-in-port": "a:%38", "ipv6-three-colons": "[:::]", "ipv6-five-digits": "[12345::]",
    "ipv4-in-brackets": "[1.2.3.4]", "ipv6-two-gaps": "[1::2::3]", "ipv6-nine-groups": "[1:2:3:4:5:6:7:8:9]",
    "ipv6-seven-groups": "[1:2:3:4:5:6:7]", "ipv6-gap-of-nothing": "[1:2:3:4::5:6:7:8]", "ipv6-colon-in-front": "[:1:2:3:4:5:6:7]",
    "ipv6-colon-behind": "[1:2:3:4:5:6:7:]", "ipv6-one-colon": "[:]", "ipv6-one-group": "[1]", "ipv6-ipv4-in-front": "[1.2.3.4::]",
    "ipv6-ipv4-of-three": "[::1.2.3]", "ipv6-ipv4-too-big": "[::1.2.3.256]", "ipv6-ipv4-with-zero": "[::1.2.3.04]",
    "ipv6-ipv4-too-late": "[1:2:3:4:5:6:7:1.2.3.4]", "ipv6-zone": "[fe80::1%eth0]", "ip-future-no-version": "[v.a]",
    "ip-future-no-address": "[v1.]", "ip-future-no-dot": "[v1a]", "ip-future-no-hex": "[vg.a]", "ip-future-percent": "[v1.%41]",
    "ipv6-space": "[::1 ]", "ipv6-two-ports": "[::1]:80:80",
}
CASES += [refused(f"host-{name}", SYNTAX, request(host=host)) for name, host in BAD.items()]
TARGETS = ("percent-letters", "percent-one-digit", "percent-at-the-end", "ipv6-three-colons", "ipv6-five-digits", "ipv4-in-brackets",
           "ipv6-two-gaps", "ip-future-no-address")
CASES += [refused(f"host-of-target-{name}", "RFC 9110 4.2.1", request(f"GET http://{BAD[name]}/ HTTP/1.1")) for name in TARGETS]
CASES += [passes(f"host-of-target-{name}", "RFC 9110 4.2.1", request(f"GET http://{GOOD[name]}/ HTTP/1.1"),
                 forwarded(host=None, asked=GOOD[name], last=(f"Host: {GOOD[name]}",)))
          for name in ("encoded", "ipv6-whole-with-ipv4", "ip-future", "ip-future-port")]
