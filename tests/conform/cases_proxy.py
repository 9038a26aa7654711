"""PROXY protocol, versions 1 and 2, on a listener that expects it (sections are those of HAProxy's proxy-protocol.txt)."""

import socket
import struct
from dataclasses import replace

from conform.table import ALL, CLOSED, GOT_OK, Case, Setting, forwarded, pieces, refused, request

V1, V2, VALUES, ONLY = "PROXY protocol 2.1", "PROXY protocol 2.2", "PROXY protocol 2.2.1", "PROXY protocol 2"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
PLAIN = b"PROXY TCP4 192.0.2.7 198.51.100.2 4711 443\r\n"
BEHIND = Setting(ip="127.0.0.1:0,proxy", header=b"PROXY UNKNOWN\r\n")
SOME_TRUSTED = replace(BEHIND, flags=("--trusted-proxies", "127.0.0.1,198.51.100.0/24"))


def v2(source="192.0.2.7", target="198.51.100.2", command=0x21, values=b"", family=None, size=None):
    of = socket.AF_INET6 if ":" in source else socket.AF_INET
    body = socket.inet_pton(of, source) + socket.inet_pton(of, target) + struct.pack(">HH", 4711, 443) + values
    if family is None:
        family = 0x21 if ":" in source else 0x11
    return SIGNATURE + struct.pack(">BBH", command, family, len(body) if size is None else size) + body


def good(name, rfc, header, client="192.0.2.7"):
    """The header names the client (or nobody: the connection's peer); the request behind it is answered."""
    parts = header if isinstance(header, tuple) else (header + request(),)
    return Case(f"proxy-{name}", rfc, parts, (forwarded(client=client),), (GOT_OK,), setting=BEHIND,
                clear_n=len(b"".join(parts)) - len(request()))


def bad(name, rfc, header):
    """Closed without a word; nothing reaches the origin."""
    return Case(f"proxy-{name}", rfc, (header + request(),), (), (), end=CLOSED, setting=BEHIND, clear_n=ALL)


def claimed(name, client, seen, *left, **more):
    """The header is the word of the balancer, X-Forwarded-* is that of the client which it names."""
    header = f"PROXY TCP4 {client} 198.51.100.2 1 2\r\n".encode()
    fields = ("X-Forwarded-For: 203.0.113.1", "X-Forwarded-Proto: https")
    return Case(f"proxy-{name}", "RFC 7239 8.1", (header + request("GET / HTTP/1.1", *fields),),
                (forwarded("GET / HTTP/1.1", *left, client=seen, **more),), (GOT_OK,), setting=SOME_TRUSTED, clear_n=len(header))


GOOD = [
    good("v1-tcp4", V1, PLAIN),
    good("v1-tcp6", V1, b"PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n", "2001:db8::7"),
    good("v1-unknown", V1, b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    good("v1-unknown-and-whatever", V1, b"PROXY UNKNOWN ffff::1 x y z\r\n", "127.0.0.1"),
    good("v1-port-0", V1, b"PROXY TCP4 192.0.2.7 198.51.100.2 0 0\r\n"),
    good("v1-in-pieces", ONLY, pieces(PLAIN + request(), 7)),
    good("v1-cut-in-its-crlf", ONLY, (PLAIN[:-1], PLAIN[-1:] + request())),
    good("v2-tcp4", V2, v2()),
    good("v2-tcp6", V2, v2("2001:db8::7", "2001:db8::1"), "2001:db8::7"),
    good("v2-with-values", VALUES, v2(values=b"\x01\x00\x02h2\x04\x00\x03\x00\x00\x00")),
    good("v2-local", V2, v2(command=0x20), "127.0.0.1"),
    good("v2-local-without-addresses", V2, SIGNATURE + b"\x20\0\0\0", "127.0.0.1"),
    good("v2-unspec", V2, SIGNATURE + b"\x21\0\0\3abc", "127.0.0.1"),
    good("v2-unix", V2, SIGNATURE + b"\x21\x31\0\xd8" + b"/x".ljust(216, b"\0"), "127.0.0.1"),
    good("v2-in-pieces", ONLY, pieces(v2() + request(), 5)),
    good("v2-cut-in-its-signature", ONLY, (SIGNATURE[:6], v2()[6:] + request())),
    claimed("header-and-trusted-fields", "198.51.100.9", "203.0.113.1, 198.51.100.9", "X-Forwarded-Proto: https", proto=None),
    claimed("header-and-fields-of-a-stranger", "203.0.113.9", "203.0.113.9"),
]
BAD = [
    bad("none", ONLY, b""),
    bad("v1-lower-case", V1, PLAIN.replace(b"PROXY", b"proxy")),
    bad("v1-bare-lf", V1, PLAIN.replace(b"\r\n", b"\n")),
    bad("v1-two-spaces", V1, PLAIN.replace(b"TCP4 ", b"TCP4  ")),
    bad("v1-tab", V1, PLAIN.replace(b"TCP4 ", b"TCP4\t")),
    bad("v1-space-at-the-end", V1, PLAIN.replace(b"\r\n", b" \r\n")),
    bad("v1-more-words", V1, PLAIN.replace(b"\r\n", b" x\r\n")),
    bad("v1-no-ports", V1, b"PROXY TCP4 192.0.2.7 198.51.100.2\r\n"),
    bad("v1-port-too-big", V1, PLAIN.replace(b"4711", b"65536")),
    bad("v1-port-with-a-zero", V1, PLAIN.replace(b"4711", b"04711")),
    bad("v1-port-with-a-sign", V1, PLAIN.replace(b"4711", b"+4711")),
    bad("v1-address-of-the-other-family", V1, PLAIN.replace(b"TCP4", b"TCP6")),
    bad("v1-address-too-short", V1, PLAIN.replace(b"192.0.2.7", b"192.0.2")),
    bad("v1-address-octal", V1, PLAIN.replace(b"192.0.2.7", b"192.0.2.07")),
    bad("v1-name-for-an-address", V1, PLAIN.replace(b"192.0.2.7", b"localhost")),
    bad("v1-udp", V1, PLAIN.replace(b"TCP4", b"UDP4")),
    bad("v1-too-long", V1, b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n"),
    bad("v2-of-version-1", V2, v2(command=0x11)),
    bad("v2-of-version-3", V2, v2(command=0x31)),
    bad("v2-unknown-command", V2, v2(command=0x22)),
    bad("v2-unknown-family", V2, v2(family=0x41)),
    bad("v2-unknown-transport", V2, v2(family=0x13)),
    bad("v2-no-room-for-addresses", V2, v2(size=11)),
    bad("v2-huge", V2, v2(size=65535)),
    bad("v2-values-cut-off", VALUES, v2(values=b"\x01\x00\x09h2")),
]
TWICE = [
    replace(refused("proxy-header-twice", ONLY, PLAIN + PLAIN + request()), setting=BEHIND, clear_n=len(PLAIN)),
    replace(refused("proxy-v2-header-twice", ONLY, v2() + v2() + request()), setting=BEHIND, clear_n=len(v2())),
    refused("proxy-header-where-none-is-expected", ONLY, PLAIN + request()),
    refused("proxy-v2-header-where-none-is-expected", ONLY, v2() + request()),
]
CASES = GOOD + BAD + TWICE
