"""Transfer-Encoding of requests, alone and beside Content-Length."""

from conform.table import CLOSED, forwarded, passes, refused, request

RFC = "RFC 9112 6.1"
BOTH = "RFC 9112 6.3"
EMPTY = b"0\r\n\r\n"


def post(*fields, body=EMPTY, version="HTTP/1.1"):
    return request(f"POST / {version}", *fields, body=body)


CHUNKED = ("Transfer-Encoding: chunked",)
SENT = forwarded("POST / HTTP/1.1", framing=CHUNKED, body=EMPTY)

GOOD = [
    passes("coding-chunked", RFC, post("Transfer-Encoding: chunked"), SENT),
    passes("coding-capital", "RFC 9112 7", post("Transfer-Encoding: Chunked"), SENT),
    passes("coding-capitals", "RFC 9112 7", post("TRANSFER-ENCODING: CHUNKED"), SENT),
    passes("coding-mixed-case", "RFC 9112 7", post("transfer-Encoding: cHuNkEd"), SENT),
    passes("coding-no-space", "RFC 9112 5.1", post("Transfer-Encoding:chunked"), SENT),
    passes("coding-spaces-around", "RFC 9112 5.1", post("Transfer-Encoding: \t chunked \t "), SENT),
    passes("coding-with-get", "RFC 9110 9.3.1", request("GET / HTTP/1.1", *CHUNKED, body=EMPTY),
           forwarded(framing=CHUNKED, body=EMPTY)),
    passes("coding-version-1.2", "RFC 9110 2.5", post(*CHUNKED, version="HTTP/1.2"), SENT),
    passes("coding-te-is-hop-by-hop", "RFC 9110 10.1.4", post(*CHUNKED, "TE: gzip;q=0.5", "Connection: TE"), SENT),
]
UNKNOWN = {
    "gzip": "gzip", "identity": "identity", "compress": "compress", "unknown": "cow", "letter-in-front": "xchunked",
    "letter-behind": "chunkedx", "gzip-then-chunked": "gzip, chunked", "chunked-then-gzip": "chunked, gzip",
    "chunked-then-identity": "chunked, identity", "identity-then-chunked": "identity, chunked", "parameter": "chunked;q=1",
    "parameter-with-space": "chunked ; a=b", "quoted": '"chunked"', "apostrophes": "'chunked'", "two-words": "chunked chunked",
    "colon": ": chunked", "semicolon": ";chunked", "backslash": "chun\\ked", "no-break-space": "\xa0chunked",
    "dotless-look-alike": "chun\xe2\x84\xaaed", "plus": "+chunked", "slash": "chunked/1",
}
BAD_LISTS = {
    "empty": "", "only-spaces": "  ", "only-a-comma": ",", "leading-comma": ", chunked", "trailing-comma": "chunked,",
    "chunked-chunked": "chunked, chunked", "chunked-chunked-tight": "chunked,chunked",
}
BAD = [refused(f"coding-{name}", RFC, post(f"Transfer-Encoding: {value}"), 501) for name, value in UNKNOWN.items()]
BAD += [refused(f"coding-{name}", RFC, post(f"Transfer-Encoding: {value}")) for name, value in BAD_LISTS.items()]
BAD += [refused(f"coding-{name}", "RFC 9110 5.5", post(f"Transfer-Encoding: {value}")) for name, value in {
    "vertical-tab": "\x0bchunked", "form-feed": "chunked\x0c", "nul": "chu\0nked", "nul-behind": "chunked\0",
    "backspace": "x\x08chunked", "delete": "chunked\x7f", "bare-cr": "chunked\rX", "bare-cr-in-front": "\rchunked",
}.items()]
BAD += [
    refused("coding-twice", RFC, post(*CHUNKED, *CHUNKED)),
    refused("coding-twice-with-gzip-first", RFC, post("Transfer-Encoding: gzip", *CHUNKED)),
    refused("coding-twice-with-identity-last", RFC, post(*CHUNKED, "Transfer-Encoding: identity")),
    refused("coding-twice-one-empty", RFC, post("Transfer-Encoding:", *CHUNKED)),
    refused("coding-twice-other-case", RFC, post(*CHUNKED, "transfer-encoding: chunked")),
    refused("coding-in-http-1.0", RFC, post(*CHUNKED, version="HTTP/1.0")),
    refused("coding-in-http-1.0-keep-alive", RFC, post(*CHUNKED, "Connection: keep-alive", version="HTTP/1.0")),
    refused("coding-in-http-1.0-with-length", RFC, post(*CHUNKED, "Content-Length: 5", version="HTTP/1.0")),
    refused("coding-space-before-colon", "RFC 9112 5.1", post("Transfer-Encoding : chunked")),
    refused("coding-tab-before-colon", "RFC 9112 5.1", post("Transfer-Encoding\t: chunked")),
    refused("coding-space-before-name", "RFC 9112 2.2", post(" Transfer-Encoding: chunked")),
    refused("coding-tab-before-name", "RFC 9112 5.2", post("X: y", "\tTransfer-Encoding: chunked")),
    refused("coding-space-in-name", "RFC 9110 5.1", post("Transfer Encoding: chunked")),
    refused("coding-nul-in-name", "RFC 9110 5.1", post("Transfer-Encoding\0: chunked")),
    refused("coding-underscore-in-name", "RFC 9112 11.2", post("Transfer_Encoding: chunked")),
    refused("coding-underscore-beside-length", "RFC 9112 11.2", post("Content-Length: 5", "TRANSFER_ENCODING: chunked")),
    refused("coding-folded", "RFC 9112 5.2", post("Transfer-Encoding:", " chunked")),
    refused("coding-folded-second-line", "RFC 9112 5.2", post("Transfer-Encoding: gzip", " , chunked")),
    refused("coding-behind-bare-lf", "RFC 9112 2.2", post("X: y\nTransfer-Encoding: chunked")),
    refused("coding-behind-bare-cr", "RFC 9112 2.2", post("X: y\rTransfer-Encoding: chunked")),
    refused("coding-ends-with-bare-lf", "RFC 9112 2.2", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\n\r\n"),
]
TWO = [
    refused("both-length-first", BOTH, post("Content-Length: 5", *CHUNKED)),
    refused("both-coding-first", BOTH, post(*CHUNKED, "Content-Length: 5")),
    refused("both-length-0", BOTH, post("Content-Length: 0", *CHUNKED)),
    refused("both-length-bad", BOTH, post("Content-Length: x", *CHUNKED)),
    refused("both-length-empty", BOTH, post("Content-Length:", *CHUNKED)),
    refused("both-coding-empty", BOTH, post("Content-Length: 5", "Transfer-Encoding:")),
    refused("both-coding-identity", BOTH, post("Content-Length: 5", "Transfer-Encoding: identity")),
    refused("both-coding-unknown", BOTH, post("Content-Length: 5", "Transfer-Encoding: xchunked")),
    refused("both-apart", BOTH, post("Content-Length: 5", "X: y", "Y: z", *CHUNKED)),
    refused("both-two-lengths", BOTH, post("Content-Length: 5", "Content-Length: 5", *CHUNKED)),
    refused("both-with-get", BOTH, request("GET / HTTP/1.1", "Content-Length: 5", *CHUNKED, body=EMPTY)),
    refused("both-smuggles-by-length", "RFC 9112 11.2",
            post("Content-Length: 6", *CHUNKED, body=b"0\r\n\r\nG")),
    refused("both-smuggles-by-coding", "RFC 9112 11.2",
            post("Content-Length: 4", *CHUNKED, body=b"5c\r\nGPOST / HTTP/1.1\r\nContent-Length: 15\r\n\r\nx=1\r\n0\r\n\r\n")),
    refused("both-named-by-connection", BOTH, post("Connection: Content-Length", "Content-Length: 5", *CHUNKED)),
    refused("both-coding-named-by-connection", BOTH,
            post("Connection: Transfer-Encoding", "Content-Length: 5", *CHUNKED)),
]
NAMED = [
    passes("coding-named-by-connection-stays", "RFC 9110 7.6.1", post("Connection: Transfer-Encoding", *CHUNKED), SENT),
    passes("length-named-by-connection-stays", "RFC 9110 7.6.1",
           request("POST / HTTP/1.1", "Connection: Content-Length", "Content-Length: 5", body=b"hello"),
           forwarded("POST / HTTP/1.1", framing=("Content-Length: 5",), body=b"hello")),
    passes("coding-with-close", "RFC 9112 9.6", post("Connection: close", *CHUNKED), SENT, end=CLOSED),
]
CASES = GOOD + BAD + TWO + NAMED
