"""Header fields: hop-by-hop ones go both ways, forwarding ones come, all else passes untouched."""

import re

import pytest

import origins as o

pytestmark = pytest.mark.tls  # with TLS on both sides, too


def joined(seen, name):
    return ", ".join(seen.all(name))


@pytest.mark.smoke
def test_request_hop_by_hop_fields_are_removed(lab):
    """X10: the original's listed case."""
    weldr, origin = lab.run(o.hello)
    fields = [("Connection", "Foo, keep-alive, close-not"), ("Foo", "abc"), ("Keep-Alive", "timeout=4"), ("TE", "trailers"),
              ("Proxy-Authorization", "Basic x"), ("Proxy-Connection", "keep-alive"),
              ("Upgrade", "h2c"), ("Bar", "stays"), ("Host-Like", "stays")]
    assert weldr.ask(fields=fields, host="keep.example").status == 200
    seen = origin.last()
    for name in ("Connection", "Foo", "Keep-Alive", "TE", "Proxy-Authorization", "Proxy-Connection", "Upgrade",
                 "Transfer-Encoding"):
        assert not seen.has(name) or (name == "Connection" and seen.get(name).lower() == "keep-alive"), name
    assert seen.get("Host") == "keep.example" and seen.get("Bar") == "stays" and seen.get("Host-Like") == "stays"


def test_trailer_field_passes_both_ways(lab):
    """It says what stands behind the body, to whomever that goes (RFC 9110 section 6.6.2)."""
    chunked = [("Trailer", "X-Sum"), ("Transfer-Encoding", "chunked")]
    said = (b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n"
            b"Trailer: X-Evil\r\n\r\n")
    weldr, origin = lab.run(o.raw(said))
    client = weldr.connect()
    client.request("POST", "/", [("TE", "trailers"), ("Connection", "TE"), *chunked],
                   b"2\r\nhi\r\n0\r\nX-Sum: 9\r\nTrailer: X-Evil\r\n\r\n")
    response = client.response()
    assert response.all("Trailer") == ["X-Sum"] and response.trailers == b"X-Sum: 7\r\n"
    assert origin.last().all("Trailer") == ["X-Sum"] and origin.last().trailers == b"X-Sum: 9\r\n"


def test_repeated_fields_named_by_connection_all_vanish(lab):
    """X12."""
    weldr, origin = lab.run(o.hello)
    fields = [("Foo", "1"), ("connection", "foo"), ("FOO", "2"), ("Connection", "x-bar ,, x-baz"), ("X-Bar", "3"),
              ("X-Baz", "4"), ("foo-x", "stays")]
    assert weldr.ask(fields=fields).status == 200
    seen = origin.last()
    assert not seen.has("Foo") and not seen.has("X-Bar") and not seen.has("X-Baz")
    assert seen.get("foo-x") == "stays"


def test_connection_cannot_remove_framing_and_host(lab):
    weldr, origin = lab.run(o.echo)
    fields = [("Connection", "Host, Content-Length, Transfer-Encoding, X-Forwarded-Host"), ("Content-Length", "4")]
    response = weldr.ask("POST", fields=fields, body=b"body", host="kept.example")
    assert (response.status, response.body) == (200, b"body")
    assert origin.last().get("Host") == "kept.example"
    assert origin.last().get("X-Forwarded-Host") == "kept.example"


@pytest.mark.smoke
def test_response_hop_by_hop_fields_are_removed(lab):
    """X11, with Connection and what it names."""
    head = (b"HTTP/1.1 200 OK\r\nConnection: X-Gone, keep-alive\r\nX-Gone: 1\r\nKeep-Alive: timeout=5\r\n"
            b"Proxy-Authenticate: Basic\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\n"
            b"X-Stay: 1\r\nServer: demo\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 5\r\n\r\nhello")
    weldr, _ = lab.run(o.raw(head))
    response = weldr.ask()
    for name in ("X-Gone", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Upgrade"):
        assert not response.has(name), name
    assert response.get("Connection", "keep-alive").lower() == "keep-alive"
    assert response.get("X-Stay") == "1" and response.get("Server") == "demo"
    assert response.all("Set-Cookie") == ["a=1", "b=2"]


@pytest.mark.smoke
def test_via_is_appended(lab):
    """X08, X09."""
    weldr, origin = lab.run(o.hello)
    weldr.ask(target="/none")
    weldr.ask(target="/one", fields=[("Via", "1.0 proxy")])
    weldr.ask(target="/two", fields=[("Via", "1.0 first"), ("Via", "1.1 second (comment)")])
    weldr.ask(target="/old", fields=[("Via", "1.1 new")], version="HTTP/1.0")
    assert joined(origin.last("/none"), "Via") == "1.1 weldr"
    assert joined(origin.last("/one"), "Via") == "1.0 proxy, 1.1 weldr"
    assert joined(origin.last("/two"), "Via") == "1.0 first, 1.1 second (comment), 1.1 weldr"
    assert joined(origin.last("/old"), "Via") == "1.1 new, 1.0 weldr"


def test_via_on_the_response(lab):
    weldr, _ = lab.run(o.answer(fields=[("Via", "1.1 cache")]))
    assert ", ".join(weldr.ask().all("Via")) == "1.1 cache, 1.1 weldr"


@pytest.mark.smoke
def test_forwarding_fields(lab):
    weldr, origin = lab.run(o.hello)
    weldr.ask(target="/plain", host="site.example:99")
    seen = origin.last("/plain")
    assert seen.all("X-Forwarded-For") == ["127.0.0.1"]
    assert seen.all("X-Forwarded-Proto") == [weldr.scheme]
    assert seen.all("X-Forwarded-Host") == ["site.example:99"]
    weldr.ask(target="/chain", fields=[("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.2")])
    assert joined(origin.last("/chain"), "X-Forwarded-For") == "192.0.2.1, 192.0.2.2, 127.0.0.1"


def test_forwarded_for_tells_the_client_address(lab):
    weldr, origin = lab.run(o.hello)
    client = weldr.connect(source="127.0.0.77")
    client.ask(target="/from")
    assert origin.last("/from").all("X-Forwarded-For") == ["127.0.0.77"]


def test_forwarded_for_of_an_ipv6_client(lab):
    weldr, origin = lab.run(o.hello, ip="[::1]:0")
    assert weldr.ask(target="/six").status == 200
    assert origin.last("/six").all("X-Forwarded-For") == ["::1"]


def test_request_id_is_made_or_kept(lab):
    weldr, origin = lab.run(o.hello, workers=2)
    for _ in range(50):
        weldr.ask(target="/made")
    made = [s.get("X-Request-Id") for s in origin.seen("/made")]
    assert len(set(made)) == 50 and all(re.fullmatch(r"[0-9A-Za-z-]{16,64}", i) for i in made), made[:3]
    weldr.ask(target="/kept", fields=[("X-Request-Id", "mine-42")])
    assert origin.last("/kept").all("X-Request-Id") == ["mine-42"]


@pytest.mark.smoke
def test_host_passes_by_default_and_is_mapped_on_demand(lab):
    """X13, D5."""
    weldr = lab.weldr()
    plain, mapped = lab.origin(o.named("plain")), lab.origin(o.named("mapped"))
    weldr.add(plain)
    weldr.ask(host="public.example")
    assert plain.last().all("Host") == ["public.example"]
    weldr.delete(plain)
    weldr.add(mapped, map_host=True)
    weldr.ask(host="public.example")
    seen = mapped.last()
    assert seen.all("Host") == [mapped.authority]
    assert seen.all("X-Forwarded-Host") == ["public.example"]


def test_map_host_changes_at_run_time(lab):
    weldr, origin = lab.run(o.hello)
    client = weldr.connect()
    client.ask()
    assert weldr.api("PATCH", origin.path, {"map_host": True}).status == 200
    client.ask()
    assert [s.get("Host") for s in origin.seen()] == ["test.example", origin.authority]


@pytest.mark.smoke
def test_other_fields_pass_untouched(lab):
    """Order, case, repetition, empty values and bytes above 127 survive."""
    fields = [("x-lower", "1"), ("X-UPPER", "2"), ("X-Same", "a"), ("X-Empty", ""), ("X-Same", "b"),
              ("X-Latin", "caf\xe9"), ("X-Commas", "a,b ,  c"), ("Authorization", "Bearer z"), ("Cookie", "a=1; b=2"),
              ("X-Tab", "a\tb"), ("Accept-Encoding", "gzip"), ("Range", "bytes=0-1")]
    weldr, origin = lab.run(o.answer(fields=fields))
    response = weldr.ask(fields=fields)
    names = {n for n, _ in fields}
    assert [f for f in origin.last().fields if f[0] in names] == fields
    assert [f for f in response.fields if f[0] in names] == fields


def test_many_fields_pass(lab):
    weldr, origin = lab.run(o.hello)
    fields = [(f"X-Field-{n}", "v" * 50) for n in range(90)]
    assert weldr.ask(fields=fields).status == 200
    assert [f for f in origin.last().fields if f[0].startswith("X-Field")] == fields


def test_status_and_reason_pass(lab):
    weldr, _ = lab.run(o.in_turn(*[o.answer(s, b"x", reason=r) for s, r in (
        (201, "Created"), (299, "Odd One"), (302, "Found"), (404, "Not Found"), (418, "Teapot"), (500, "Broken"),
        (503, "Origin Busy"))]))
    client = weldr.connect()
    got = [(r.status, r.reason) for r in (client.ask() for _ in range(7))]
    assert got == [(201, "Created"), (299, "Odd One"), (302, "Found"), (404, "Not Found"), (418, "Teapot"),
                   (500, "Broken"), (503, "Origin Busy")]


def test_origin_errors_are_not_marked_as_ours(lab):
    weldr, _ = lab.run(o.answer(503, b"busy"))
    response = weldr.ask()
    assert response.body == b"busy" and not response.has("Weldr-Error")


def test_date_is_kept_or_added_once(lab):
    date = "Tue, 15 Nov 1994 08:12:31 GMT"
    weldr, _ = lab.run(o.in_turn(o.answer(fields=[("Date", date)]), o.hello))
    assert weldr.ask().all("Date") == [date]
    added = weldr.ask().all("Date")
    assert len(added) == 1 and re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", added[0])


def test_white_space_around_values_is_not_kept(lab):
    weldr, origin = lab.run(o.hello)
    client = weldr.connect().send(b"GET / HTTP/1.1\r\nHost:a\r\nX-Space:   v  \r\nX-Tight:v\r\n\r\n")
    assert client.response().status == 200
    assert origin.last().get("X-Space") == "v" and origin.last().get("X-Tight") == "v"
    assert origin.last().get("Host") == "a"
