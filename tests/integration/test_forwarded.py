"""Whose word counts: X-Forwarded-* and Forwarded from trusted addresses pass, those of strangers are replaced."""

import pytest

import origins as o

CLAIMS = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "claimed.example"),
          ("X-Forwarded-Port", "444"), ("Forwarded", "for=6.6.6.6;proto=https"), ("X-Request-Id", "mine")]


def ask_from(weldr, source):
    with weldr.connect(source=source) as client:
        assert client.ask(target="/from", fields=CLAIMS, host="real.example").status == 200


def claims_of(origin):
    seen = origin.last("/from")
    return [", ".join(seen.all(name)) for name, _ in CLAIMS]


def kept(source):
    return [f"6.6.6.6, {source}", "https", "claimed.example", "444", "for=6.6.6.6;proto=https", "mine"]


def replaced(source):
    return [source, "http", "real.example", "", "", "mine"]


@pytest.mark.smoke
def test_without_the_flag_everybody_is_believed(lab):
    weldr, origin = lab.run(o.hello)
    ask_from(weldr, "127.0.0.5")
    assert claims_of(origin) == kept("127.0.0.5")


@pytest.mark.smoke
def test_with_the_flag_only_trusted_addresses_are(lab):
    weldr = lab.weldr("--trusted-proxies", "127.0.0.4/30", workers=2)
    origin = lab.origin(o.hello)
    weldr.add(origin)
    for source, expected in (("127.0.0.5", kept), ("127.0.0.8", replaced), ("127.0.0.1", replaced)):
        ask_from(weldr, source)
        assert claims_of(origin) == expected(source)


def test_trust_survives_a_worker(lab):
    """A new worker hears of the ranges as the first one did."""
    import os
    import signal
    weldr = lab.weldr(env={"WELDR_TRUSTED_PROXIES": "127.0.0.5,127.0.0.6"})
    origin = lab.origin(o.hello)
    weldr.add(origin)
    pids = weldr.worker_pids()
    os.kill(pids[0], signal.SIGKILL)
    weldr.wait_workers(1, not_pids=pids)
    weldr.socket_counts = {}
    ask_from(weldr, "127.0.0.6")
    assert claims_of(origin) == kept("127.0.0.6")
    ask_from(weldr, "127.0.0.7")
    assert claims_of(origin) == replaced("127.0.0.7")


def test_behind_a_header_the_client_it_names_counts(lab):
    """The balancer is trusted with the header; the fields are the word of its client."""
    weldr = lab.weldr("--trusted-proxies", "127.0.0.1,192.0.2.0/24", ip="127.0.0.1:0,proxy")
    origin = lab.origin(o.hello)
    weldr.add(origin)
    for client, expected in (("192.0.2.9", kept), ("203.0.113.9", replaced)):
        with weldr.connect() as connection:
            connection.send(f"PROXY TCP4 {client} 198.51.100.2 1 2\r\n")
            assert connection.ask(target="/from", fields=CLAIMS, host="real.example").status == 200
        assert claims_of(origin) == expected(client)
