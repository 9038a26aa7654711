"""What a row of the conformance table is, and short words for the rows that are usual.

Expected bytes are exact but for these marks: {id} a generated X-Request-Id, {date} an IMF-fixdate, {why} words for people,
{n} a number, {origin} host and port of the origin, {proto} what the client speaks: http or https.
"""

import re
from dataclasses import dataclass

KEPT, CLOSED, CUT, BROKEN = "kept", "closed", "cut", "broken"
SIDES = ("clear", "tls-clear", "clear-tls", "tls-tls")
TO_TLS = ("clear-tls", "tls-tls")
DATE = "Tue, 15 Nov 1994 08:12:31 GMT"
HOST = b"Host: a\r\n"


@dataclass(frozen=True)
class Wait:
    """Client or origin goes on when the client has received this."""
    mark: bytes


@dataclass(frozen=True)
class Setting:
    """How the Weldr of a row is set up. header: what a client sends before the further request that shows it is well."""
    flags: tuple = ()
    ip: str = "127.0.0.1:0"
    map_host: bool = False
    forwarded: bool = False
    header: bytes = b""


USUAL = Setting()


class HalfClose:
    """The client has nothing more to send and says so."""


class Hangup:
    """The origin closes the connection."""


class Abort:
    """The origin resets the connection."""


class Vanish:
    """The origin closes the connection without close_notify, which is no end in TLS."""


@dataclass(frozen=True)
class Answer:
    """What the origin does: pieces sent when the request's head is there, and when all of it is."""
    pieces: tuple
    on_head: tuple = ()


@dataclass(frozen=True)
class Case:
    """One row.

    send: bytes (a write each), Wait, HalfClose. seen: the whole messages that the origin must have received, in this order
    and no other. answers: what it says to each. got: all that the client must have received. end: is its connection kept
    (a further request on it is answered), closed, cut in the middle of an answer, or broken: cut so that it can't be taken
    for the end of a body that ends with the connection. lane: the same of the origin's connection. partial: the origin may
    have received a message that was broken off. setting: of the row's Weldr. clear_n: how many of its first bytes a client
    that speaks TLS sends before it (ALL: it never comes to TLS). sides: where client and origin speak TLS.
    """
    name: str
    rfc: str
    send: tuple
    seen: tuple
    got: tuple
    answers: tuple = ()
    end: str = KEPT
    lane: str = None
    partial: bool = False
    setting: Setting = USUAL
    clear_n: int = 0
    sides: tuple = SIDES


ALL = 1 << 20
MARKS = {
    b"{id}": rb"[0-9a-f]{32}",
    b"{date}": rb"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
    b"{why}": rb"[^\r\n]+",
    b"{n}": rb"\d+",
}


def pattern(expected, origin, proto):
    """A compiled expression for expected bytes with marks."""
    text = re.escape(expected.replace(b"{origin}", origin).replace(b"{proto}", proto))
    for mark, expression in MARKS.items():
        text = text.replace(re.escape(mark), expression)
    return re.compile(text, re.DOTALL)


def to_bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def lines(*texts):
    return b"".join(to_bytes(text) + b"\r\n" for text in texts)


def pieces(data, size=1):
    """The bytes in writes of this size."""
    return tuple(data[i:i + size] for i in range(0, len(data), size))


# ---- what goes in

def request(line="GET / HTTP/1.1", *fields, host="a", body=b""):
    """A request as a client writes it."""
    return lines(line, *([f"Host: {host}"] if host is not None else []), *fields, b"") + body


def response(*fields, status="HTTP/1.1 200 OK", body=b"", date=True):
    """A response as an origin writes it."""
    return lines(status, *([f"Date: {DATE}"] if date else []), *fields, b"") + body


OK = response("Content-Length: 2", body=b"ok")


# ---- what comes out

def forwarded(line="GET / HTTP/1.1", *fields, host="a", framing=(), body=b"", via="1.1 weldr", client="127.0.0.1",
              element=None, asked="a", proto="{proto}", request_id="{id}", last=()):
    """A request as the origin must receive it: None for what Weldr must not add because it was there already."""
    made = [("Via", via), ("X-Forwarded-For", client), ("Forwarded", element), ("X-Forwarded-Host", asked),
            ("X-Forwarded-Proto", proto), ("X-Request-Id", request_id)]
    own = [f"{name}: {value}" for name, value in made if value is not None]
    first = [f"Host: {host}"] if host is not None else []
    return lines(line, *first, *fields, *own, *last, *framing, b"") + body


def relayed(*fields, status="HTTP/1.1 200 OK", framing=("Content-Length: 2",), body=b"ok", via="1.1 weldr", date=DATE,
            made_date=False, request_id="{id}"):
    """A response as the client must receive it."""
    first = [f"Date: {date}"] if date and not made_date else []
    own = [f"Via: {via}"] if via else []
    own += ["Date: {date}"] if made_date else []
    own += [f"X-Request-Id: {request_id}"] if request_id else []
    return lines(status, *first, *fields, *own, *framing, b"") + body


GOT_OK = relayed()
GOT_LAST_OK = relayed(framing=("Content-Length: 2", "Connection: close"))
WORDS = {200: "OK", 400: "Bad Request", 405: "Method Not Allowed", 414: "URI Too Long", 431: "Request Header Fields Too Large",
         501: "Not Implemented", 502: "Bad Gateway", 505: "HTTP Version Not Supported", 508: "Loop Detected"}


def refusal(status=400, word="bad_request", extra=(), close=True, body=True, keep_alive=False):
    """An answer that Weldr makes."""
    own = ["Date: {date}", "Content-Type: text/plain", f"Weldr-Error: {word}", "X-Request-Id: {id}", *extra, "Content-Length: {n}"]
    if close:
        own.append("Connection: close")
    elif keep_alive:
        own.append("Connection: keep-alive")
    return lines(f"HTTP/1.1 {status} {WORDS[status]}", *own, b"") + (b"{why}\n" if body else b"")


# ---- rows

def sends(data):
    return data if isinstance(data, tuple) else (data,)


SMUGGLED = request("GET /smuggled HTTP/1.1", host="smuggled")


def refused(name, rfc, data, status=400):
    """The client is refused, its connection closed, and the origin hears nothing: also not of the request behind."""
    parts = sends(data)
    return Case(name, rfc, (*parts[:-1], parts[-1] + SMUGGLED), (), (refusal(status),), end=CLOSED)


def broken_off(name, rfc, data, status=400):
    """The request breaks within its body: the origin must not get it whole, nor what stands behind it."""
    parts = sends(data)
    return Case(name, rfc, (*parts[:-1], parts[-1] + SMUGGLED), (), (refusal(status),), end=CLOSED, partial=True,
                lane=CLOSED)


def passes(name, rfc, data, *seen, end=KEPT, got=None, **more):
    """Requests that pass; each is answered with OK."""
    if got is None:
        got = [GOT_OK] * len(seen)
        if end == CLOSED:
            got[-1] = GOT_LAST_OK
    return Case(name, rfc, sends(data), seen, tuple(got), end=end, **more)


def answered(name, rfc, answer, got, *, data=None, seen=None, **more):
    """A plain request, an answer of the origin, and what becomes of it."""
    answer = answer if isinstance(answer, Answer) else Answer(sends(answer))
    return Case(name, rfc, sends(data or request()), (seen or forwarded(),), sends(got), answers=(answer,), **more)


def bad_answer(name, rfc, answer, word="origin_bad_answer"):
    """The client gets a 502 and keeps its connection; the origin's is not used again."""
    return answered(name, rfc, answer, refusal(502, word, close=False), lane=CLOSED)


def cut_answer(name, rfc, answer, got, **more):
    """The answer breaks within its body: the client must not take it for whole."""
    return answered(name, rfc, answer, got, end=CUT, lane=CLOSED, **more)
