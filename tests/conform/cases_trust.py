"""What a client says of whom it speaks for: kept from those whom --trusted-proxies names, replaced from others. Where nobody
is named, X-Forwarded-For is appended to and all else is replaced."""

from dataclasses import replace

from conform.table import USUAL, Setting, forwarded, passes, relayed, request

CLAIM, ELEMENT, TRUST = "issue 3", "RFC 7239 4", "RFC 7239 8.1"
US = Setting(flags=("--trusted-proxies", "127.0.0.0/8"))
OTHERS = Setting(flags=("--trusted-proxies", "192.0.2.0/24"))
TELLS = replace(US, forwarded=True)
TELLS_OF_OTHERS = replace(OTHERS, forwarded=True)
OWN = "for=127.0.0.1;host=a;proto={proto}"
THREE = ("X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: b", "X-Forwarded-Proto: https")


def claim(name, rfc, *fields, left=(), setting=USUAL, host="a", got=None, **more):
    """A request with these fields, of which some are left; what Weldr adds is in more."""
    return passes(name, rfc, request("GET / HTTP/1.1", *fields, host=host), forwarded("GET / HTTP/1.1", *left, host=host, **more),
                  setting=setting, got=got)


def kept(name, setting):
    """A word that counts is passed on, with ours behind it."""
    both = "192.0.2.1, 127.0.0.1"
    element = "Forwarded: for=192.0.2.1;proto=https"
    return [
        claim(f"{name}-for-appended", CLAIM, THREE[0], client=both, setting=setting),
        claim(f"{name}-for-a-list", CLAIM, "X-Forwarded-For: 192.0.2.1,  2001:db8::1",
              client="192.0.2.1,  2001:db8::1, 127.0.0.1", setting=setting),
        claim(f"{name}-for-lines-joined", "RFC 9110 5.3", THREE[0], "X-A: b", "X-Forwarded-For: 192.0.2.2", left=("X-A: b",),
              client="192.0.2.1, 192.0.2.2, 127.0.0.1", setting=setting),
        claim(f"{name}-for-empty", CLAIM, "X-Forwarded-For:", setting=setting),
        claim(f"{name}-for-in-capitals", "RFC 9110 5.1", "X-FORWARDED-FOR: 192.0.2.1", client=both, setting=setting),
        claim(f"{name}-host-kept", CLAIM, THREE[1], left=THREE[1:2], asked=None, setting=setting),
        claim(f"{name}-proto-kept", CLAIM, THREE[2], left=THREE[2:], proto=None, setting=setting),
        claim(f"{name}-all-three", CLAIM, *THREE, left=THREE[1:], client=both, asked=None, proto=None, setting=setting),
        claim(f"{name}-port-passes", CLAIM, "X-Forwarded-Port: 1", left=("X-Forwarded-Port: 1",), setting=setting),
        claim(f"{name}-forwarded-passes", TRUST, element, left=(element,), setting=setting),
    ]


def dropped(name, *fields):
    return claim(f"stranger-{name}", TRUST, *fields, setting=OTHERS)


ALIKE = ("X-Forwarded: b", "XX-Forwarded-For: c", "Forwarded-For: d")
STRANGERS = [
    dropped("for", "X-Forwarded-For: 192.0.2.1"),
    dropped("for-in-capitals", "X-FORWARDED-FOR: 192.0.2.1"),
    dropped("for-twice", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2"),
    dropped("host", "X-Forwarded-Host: b"),
    dropped("proto", "X-Forwarded-Proto: https"),
    dropped("port", "X-Forwarded-Port: 1"),
    dropped("any-other", "X-Forwarded-Server: b", "X-Forwarded-: c", "x-forwarded-prefix: /d"),
    dropped("underscores", "X_Forwarded_For: 192.0.2.1", "x-forwarded_host: b", "X_FORWARDED-PROTO: https", "x_forwarded_port: 1"),
    dropped("forwarded", "Forwarded: for=192.0.2.1;proto=https"),
    dropped("forwarded-twice", "Forwarded: for=192.0.2.1", "forwarded: for=192.0.2.2"),
    claim("stranger-look-alikes-stay", CLAIM, *ALIKE, left=ALIKE, setting=OTHERS),
    claim("stranger-via-and-request-id-stay", "RFC 9110 7.6.3", "Via: 1.0 b", "X-Request-Id: mine", left=("X-Request-Id: mine",),
          via="1.0 b, 1.1 weldr", request_id=None, got=[relayed(request_id="mine")], setting=OTHERS),
]
ELEMENTS = [
    claim("forwarded-made", ELEMENT, element=OWN, setting=TELLS),
    claim("forwarded-appended", ELEMENT, "Forwarded: for=192.0.2.1", element=f"for=192.0.2.1, {OWN}", setting=TELLS),
    claim("forwarded-lines-joined", "RFC 9110 5.3", "Forwarded: for=192.0.2.1", "Forwarded: for=192.0.2.2",
          element=f"for=192.0.2.1, for=192.0.2.2, {OWN}", setting=TELLS),
    claim("forwarded-empty", ELEMENT, "Forwarded:", element=OWN, setting=TELLS),
    claim("forwarded-host-with-port-is-quoted", ELEMENT, host="b:81", asked="b:81",
          element='for=127.0.0.1;host="b:81";proto={proto}', setting=TELLS),
    claim("forwarded-of-a-stranger-is-replaced", TRUST, "Forwarded: for=192.0.2.1", element=OWN, setting=TELLS_OF_OTHERS),
    claim("forwarded-named-by-connection-is-made-anew", "RFC 9110 7.6.1", "Connection: Forwarded", "Forwarded: for=192.0.2.1",
          element=OWN, setting=TELLS),
]


def unset(name, *fields, left=(), **more):
    return claim(f"unset-{name}", TRUST, *fields, left=left, **more)


UNSET = [
    unset("for-appended", THREE[0], client="192.0.2.1, 127.0.0.1"),
    unset("for-lines-joined", THREE[0], "X-Forwarded-For: 192.0.2.2", client="192.0.2.1, 192.0.2.2, 127.0.0.1"),
    unset("host-replaced", THREE[1]),
    unset("proto-replaced", THREE[2]),
    unset("all-three", *THREE, client="192.0.2.1, 127.0.0.1"),
    unset("port-dropped", "X-Forwarded-Port: 1", "x-forwarded-prefix: /d"),
    unset("underscores-dropped", "X_Forwarded_For: 192.0.2.1", "X_FORWARDED-PROTO: https"),
    unset("forwarded-dropped", "Forwarded: for=192.0.2.1;proto=https"),
    unset("look-alikes-stay", *ALIKE, left=ALIKE),
]
CASES = UNSET + kept("trusted", US) + STRANGERS + ELEMENTS
