"""Request targets: the four forms, and what of them goes to the origin."""

from conform.table import CLOSED, KEPT, Case, Setting, forwarded, passes, refusal, refused, request

ORIGIN, ABSOLUTE, AUTHORITY, ASTERISK = "RFC 9112 3.2.1", "RFC 9112 3.2.2", "RFC 9112 3.2.3", "RFC 9112 3.2.4"

PATHS = {
    "root": "/", "path": "/a/b", "query": "/a?b=c", "bare-question": "/a?", "two-questions": "/a?b?c", "dots": "/a/../b/./c",
    "double-slash": "//a//b", "encoded-slash": "/%2F%2f", "encoded-nul": "/%00", "encoded-line-end": "/%0d%0aX:%20y",
    "bad-encoding": "/%zz%", "sub-delimiters": "/;a=1,2!$&'()*+:@-._~", "braces": "/{a}|b^c`d", "brackets": "/?a=[1]",
    "backslash": "/a\\b", "quotes": "/\"a\"<b>", "url-in-query": "/?u=http://b:80/c", "colon": "/a:b", "asterisk": "/*",
    "long": "/" + "x" * 5000,
}
CASES = [passes(f"origin-form-{name}", ORIGIN, request(f"GET {path} HTTP/1.1"), forwarded(f"GET {path} HTTP/1.1"))
         for name, path in PATHS.items()]


def absolute(name, target, path, host, method="GET", asked=None):
    """The target's authority wins over Host; the origin gets the origin-form."""
    return passes(f"absolute-form-{name}", ABSOLUTE, request(f"{method} {target} HTTP/1.1"),
                  forwarded(f"{method} {path} HTTP/1.1", host=None, asked=asked or host, last=(f"Host: {host}",)))


CASES += [
    absolute("same-host", "http://a/x", "/x", "a"),
    absolute("other-host", "http://b/x", "/x", "b"),
    absolute("port", "http://b:81/x", "/x", "b:81"),
    absolute("empty-port", "http://b:/x", "/x", "b:"),
    absolute("query", "http://b/x?y=z", "/x?y=z", "b"),
    absolute("bare-question", "http://b/?", "/?", "b"),
    absolute("no-path", "http://b", "/", "b"),
    absolute("no-path-but-query", "http://b?y=z", "/?y=z", "b"),
    absolute("scheme-in-upper-case", "HTTP://b/x", "/x", "b"),
    absolute("https", "https://b/x", "/x", "b"),
    absolute("ipv4", "http://192.0.2.1/x", "/x", "192.0.2.1"),
    absolute("ipv6", "http://[2001:db8::1]:8080/x", "/x", "[2001:db8::1]:8080"),
    absolute("url-in-path", "http://b/http://c/", "/http://c/", "b"),
    absolute("post", "http://b/x", "/x", "b", "POST"),
    absolute("options", "http://b/x", "/x", "b", "OPTIONS"),
    absolute("options-without-path", "http://b", "*", "b", "OPTIONS"),
    absolute("options-root", "http://b/", "/", "b", "OPTIONS"),
    absolute("options-without-path-but-query", "http://b?y", "/?y", "b", "OPTIONS"),
    passes("absolute-form-http-1.0-without-host", ABSOLUTE, request("GET http://b/x HTTP/1.0", host=None),
           forwarded("GET /x HTTP/1.1", host=None, asked="b", via="1.0 weldr", last=("Host: b",)), end=CLOSED),
    passes("absolute-form-empty-host", ABSOLUTE, request("GET http://b/x HTTP/1.1", host=""),
           forwarded("GET /x HTTP/1.1", host=None, asked="b", last=("Host: b",))),
    passes("absolute-form-mapped-host", ABSOLUTE, request("GET http://b/x HTTP/1.1"),
           forwarded("GET /x HTTP/1.1", host=None, asked="b", last=("Host: {origin}",)), setting=Setting(map_host=True)),
    passes("origin-form-mapped-host", "RFC 9110 7.2", request("GET /x HTTP/1.1"),
           forwarded("GET /x HTTP/1.1", host=None, last=("Host: {origin}",)), setting=Setting(map_host=True)),
    passes("asterisk-form-options", ASTERISK, request("OPTIONS * HTTP/1.1"), forwarded("OPTIONS * HTTP/1.1")),
    passes("asterisk-form-options-http-1.0", ASTERISK, request("OPTIONS * HTTP/1.0"),
           forwarded("OPTIONS * HTTP/1.1", via="1.0 weldr"), end=CLOSED),
]
CASES += [refused(f"target-{name}", rfc, request(line)) for name, rfc, line in [
    ("asterisk-with-get", ASTERISK, "GET * HTTP/1.1"),
    ("asterisk-with-options-in-lower-case", ASTERISK, "options * HTTP/1.1"),
    ("asterisk-and-more", ASTERISK, "OPTIONS *x HTTP/1.1"),
    ("two-asterisks", ASTERISK, "OPTIONS ** HTTP/1.1"),
    ("authority-with-get", AUTHORITY, "GET b:80 HTTP/1.1"),
    ("authority-with-options", AUTHORITY, "OPTIONS b:80 HTTP/1.1"),
    ("relative", ORIGIN, "GET x/y HTTP/1.1"),
    ("only-query", ORIGIN, "GET ?x HTTP/1.1"),
    ("dot", ORIGIN, "GET . HTTP/1.1"),
    ("fragment", ORIGIN, "GET /x#y HTTP/1.1"),
    ("only-fragment", ORIGIN, "GET # HTTP/1.1"),
    ("fragment-in-absolute-form", ABSOLUTE, "GET http://b/x#y HTTP/1.1"),
    ("fragment-behind-authority", ABSOLUTE, "GET http://b#y HTTP/1.1"),
    ("absolute-without-authority", ABSOLUTE, "GET http:///x HTTP/1.1"),
    ("absolute-without-slashes", ABSOLUTE, "GET http:x HTTP/1.1"),
    ("absolute-with-one-slash", ABSOLUTE, "GET http:/b/x HTTP/1.1"),
    ("absolute-with-user", "RFC 9110 4.2.4", "GET http://u@b/x HTTP/1.1"),
    ("absolute-with-user-and-password", "RFC 9110 4.2.4", "GET http://u:p@b/x HTTP/1.1"),
    ("absolute-with-port-too-big", ABSOLUTE, "GET http://b:65536/x HTTP/1.1"),
    ("absolute-with-port-of-letters", ABSOLUTE, "GET http://b:http/x HTTP/1.1"),
    ("absolute-with-two-ports", ABSOLUTE, "GET http://b:80:81/x HTTP/1.1"),
    ("absolute-with-open-bracket", ABSOLUTE, "GET http://[::1/x HTTP/1.1"),
    ("absolute-with-backslash", ABSOLUTE, "GET http://b\\c/x HTTP/1.1"),
    ("absolute-of-ftp", ABSOLUTE, "GET ftp://b/x HTTP/1.1"),
    ("absolute-of-file", ABSOLUTE, "GET file:///etc/passwd HTTP/1.1"),
    ("absolute-of-javascript", ABSOLUTE, "GET javascript:x HTTP/1.1"),
    ("with-nul", "RFC 9112 3.2", "GET /x\0y HTTP/1.1"),
    ("with-tab", "RFC 9112 3.2", "GET /x\ty HTTP/1.1"),
    ("with-delete", "RFC 9112 3.2", "GET /x\x7fy HTTP/1.1"),
    ("with-high-byte", "RFC 9112 3.2", "GET /x\xe9 HTTP/1.1"),
    ("with-utf-8", "RFC 9112 3.2", "GET /\xc3\xa9 HTTP/1.1"),
    ("with-bare-cr", "RFC 9112 3.2", "GET /x\ry HTTP/1.1"),
    ("with-bare-lf", "RFC 9112 3.2", "GET /x\ny HTTP/1.1"),
    ("with-space", "RFC 9112 3.2", "GET /x y HTTP/1.1"),
    ("connect-origin-form", AUTHORITY, "CONNECT /x HTTP/1.1"),
    ("connect-asterisk", AUTHORITY, "CONNECT * HTTP/1.1"),
    ("connect-absolute-form", AUTHORITY, "CONNECT http://b:80/ HTTP/1.1"),
    ("connect-without-port", AUTHORITY, "CONNECT b HTTP/1.1"),
    ("connect-with-empty-port", AUTHORITY, "CONNECT b: HTTP/1.1"),
]]
ALLOW = ("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE",)
CASES += [
    Case("connect-is-405", "RFC 9110 9.3.6", (request("CONNECT b:443 HTTP/1.1", host="b:443"),), (),
         (refusal(405, "method_not_allowed", ALLOW),), end=CLOSED),
    Case("connect-ipv6-is-405", "RFC 9110 9.3.6", (request("CONNECT [::1]:443 HTTP/1.1", host="[::1]:443"),), (),
         (refusal(405, "method_not_allowed", ALLOW),), end=CLOSED),
]
