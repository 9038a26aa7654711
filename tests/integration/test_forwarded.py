"""Whose word counts: X-Forwarded-* and Forwarded from trusted addresses pass, those of strangers are replaced."""

import os
import signal

import pytest

import origins as o

pytestmark = pytest.mark.tls("tls-clear", "clear-tls")  # on either side alone, too

CLAIMS = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "claimed.example"),
          ("X-Forwarded-Port", "444"), ("Forwarded", "for=6.6.6.6;proto=https"), ("X-Request-Id", "mine")]


def ask_from(weldr, source):
    with weldr.connect(source=source) as client:
        assert client.ask(target="/from", fields=CLAIMS, host="real.example").status == 200


def claims_of(origin):
    seen = origin.last("/from")
    return [", ".join(seen.all(name)) for name, _ in CLAIMS]


def kept(source, _):
    return [f"6.6.6.6, {source}", "https", "claimed.example", "444", "for=6.6.6.6;proto=https", "mine"]


def replaced(source, scheme):
    return [source, scheme, "real.example", "", "", "mine"]


def appended(source, scheme):
    return [f"6.6.6.6, {source}", *replaced(source, scheme)[1:]]


@pytest.mark.smoke
def test_without_the_flag_nobody_is_believed(lab):
    """X-Forwarded-For is appended to, as the balancers of clouds do; what would be believed as a whole is replaced."""
    weldr, origin = lab.run(o.hello)
    for source in ("127.0.0.5", "127.0.0.1"):
        ask_from(weldr, source)
        assert claims_of(origin) == appended(source, weldr.scheme)


def test_a_listener_says_whom_it_believes(lab):
    """null: it is not said; an empty list: nobody, not even with X-Forwarded-For."""
    weldr, origin = lab.run(o.hello)
    for said, expected in ((["127.0.0.5"], kept), (["127.0.0.6"], replaced), ([], replaced), (None, appended)):
        weldr.patch_listener({"trusted_proxies": said})
        ask_from(weldr, "127.0.0.5")
        assert claims_of(origin) == expected("127.0.0.5", weldr.scheme), said


@pytest.mark.smoke
def test_with_the_flag_only_trusted_addresses_are(lab):
    weldr = lab.weldr("--trusted-proxies", "127.0.0.4/30", workers=2)
    origin = lab.origin(o.hello)
    weldr.add(origin)
    for source, expected in (("127.0.0.5", kept), ("127.0.0.8", replaced), ("127.0.0.1", replaced)):
        ask_from(weldr, source)
        assert claims_of(origin) == expected(source, weldr.scheme)


def test_trust_survives_a_worker(lab):
    """A new worker hears of the ranges as the first one did."""
    weldr = lab.weldr(env={"WELDR_TRUSTED_PROXIES": "127.0.0.5,127.0.0.6"})
    origin = lab.origin(o.hello)
    weldr.add(origin)
    pids = weldr.worker_pids()
    os.kill(pids[0], signal.SIGKILL)
    weldr.wait_workers(1, not_pids=pids)
    weldr.socket_counts = {}
    ask_from(weldr, "127.0.0.6")
    assert claims_of(origin) == kept("127.0.0.6", weldr.scheme)
    ask_from(weldr, "127.0.0.7")
    assert claims_of(origin) == replaced("127.0.0.7", weldr.scheme)


@pytest.mark.in_clear("the header goes before the handshake: test_tls_listeners.py")
def test_behind_a_header_the_client_it_names_counts(lab):
    """The balancer is trusted with the header; the fields are the word of its client."""
    weldr = lab.weldr("--trusted-proxies", "127.0.0.1,192.0.2.0/24", ip="127.0.0.1:0,proxy")
    origin = lab.origin(o.hello)
    weldr.add(origin)
    for client, expected in (("192.0.2.9", kept), ("203.0.113.9", replaced)):
        with weldr.connect() as connection:
            connection.send(f"PROXY TCP4 {client} 198.51.100.2 1 2\r\n")
            assert connection.ask(target="/from", fields=CLAIMS, host="real.example").status == 200
        assert claims_of(origin) == expected(client, weldr.scheme)


@pytest.mark.smoke
def test_forwarded_is_sent_when_switched_on(lab):
    weldr = lab.weldr("--trusted-proxies", "127.0.0.5")
    origin = lab.origin(o.hello)
    weldr.add(origin)
    assert weldr.ask(target="/off").status == 200 and not origin.last("/off").has("Forwarded")
    weldr.patch_pool({"forwarded": True})
    with weldr.connect(source="127.0.0.5") as client:
        client.ask(target="/on", host="real.example:81")
        client.ask(target="/more", fields=[("Forwarded", "for=_a"), ("forwarded", 'for="[::1]:1";by=_b')])
        stranger = weldr.ask(target="/stranger", fields=[("Forwarded", "for=_a")])
    assert stranger.status == 200 and origin.last("/stranger").all("Forwarded") == ["for=127.0.0.1;host=test.example;proto=" + weldr.scheme]
    assert origin.last("/on").all("Forwarded") == [f'for=127.0.0.5;host="real.example:81";proto={weldr.scheme}']
    assert origin.last("/more").all("Forwarded") == [f'for=_a, for="[::1]:1";by=_b, for=127.0.0.5;host=test.example;proto={weldr.scheme}']
    weldr.patch_pool({"forwarded": False})
    weldr.ask(target="/off-again")
    assert not origin.last("/off-again").has("Forwarded")


def test_forwarded_of_an_ipv6_client(lab):
    weldr, origin = lab.run(o.hello, ip="[::1]:0")
    weldr.patch_pool({"forwarded": True})
    weldr.ask(target="/six")
    assert origin.last("/six").all("Forwarded") == [f'for="[::1]";host=test.example;proto={weldr.scheme}']


def test_forwarded_of_strangers_is_replaced(lab):
    weldr = lab.weldr("--trusted-proxies", "127.0.0.5")
    origin = lab.origin(o.hello)
    weldr.add(origin)
    weldr.patch_pool({"forwarded": True})
    for source, before in (("127.0.0.5", "for=6.6.6.6;proto=https, "), ("127.0.0.6", "")):
        ask_from(weldr, source)
        assert origin.last("/from").all("Forwarded") == [f"{before}for={source};host=real.example;proto={weldr.scheme}"]
