"""A server given by name is all of its addresses: those that are gone carry nothing more, one that is dead fails no request."""

import socket
import struct

import pytest

import origins as o
from rawhttp import wait_until
from weldr import now
from test_names import NameServer, names, twins, url # noqa: F401


def addresses(weldr):
    shown = weldr.api("GET", "/servers").json["servers"][0]["addresses"]
    return sorted(a if isinstance(a, str) else a["address"] for a in shown)


def knows(weldr, *wanted):
    """Each worker has been told that these are the addresses of the first server."""
    wanted = sorted(origin.authority for origin in wanted)
    wait_until(lambda: addresses(weldr) == wanted, 10, "resolved")
    weldr.tell_workers()


def named_weldr(lab, names, server_url, *origins, **more):
    names.names["app"] = [origin.host for origin in origins]
    weldr = lab.weldr("--resolver", names.address, **more)
    weldr.add(server_url)
    knows(weldr, *origins)
    return weldr


# ---- a name that moves

@pytest.mark.smoke
def test_a_busy_connection_does_not_keep_the_old_address(lab, names):
    """The name moves while a request is at work: it is answered, and all that follow go to the new address."""
    one, two = twins(lab)
    gate = o.Gate(o.named("one"))
    one.behave, two.behave = gate, o.named("two")
    weldr = named_weldr(lab, names, url(one), one)
    client = weldr.connect().request()
    wait_until(lambda: gate.entered == 1, 5, "the request is there")
    names.names["app"] = [two.host]
    knows(weldr, two)
    gate.open()
    assert client.response().text == "one"
    assert [weldr.ask().text for _ in range(200)] == ["two"] * 200
    assert gate.entered == 1


def test_connections_to_addresses_that_stay_stay(lab, names):
    one, two = twins(lab)
    one.behave = o.named("one")
    weldr = named_weldr(lab, names, url(one), one)
    assert weldr.ask().text == "one"
    names.names["app"] = [one.host, two.host]
    knows(weldr, one, two)
    assert weldr.ask().text == "one"
    assert one.accepted == 1 and two.accepted == 0


# ---- addresses that can't be reached

class BothFamilies(NameServer):
    """Answers AAAA queries with the names' IPv6 addresses."""

    def answer(self, query):
        label = query[13:13 + query[12]].decode()
        question = query[12:query.index(b"\0", 12) + 5]
        is_v6 = struct.unpack(">H", question[-4:-2])[0] == 28
        found = [a for a in self.names.get(label, []) if (":" in a) == is_v6]
        family = socket.AF_INET6 if is_v6 else socket.AF_INET
        records = b"".join(struct.pack(">HHHIH", 0xc00c, 28 if is_v6 else 1, 1, self.ttl_s, 16 if is_v6 else 4)
                           + socket.inet_pton(family, a) for a in found)
        return query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(found), 0, 0) + question + records


@pytest.fixture
def both_families(request):
    server = BothFamilies()
    yield server
    server.stop()


SHUN_S = 10  # after which an address is tried again: LIMIT_SHUN_MS
closes = o.answer(fields=[("Connection", "close")])


def siblings(lab, *hosts):
    """Origins on one port of these addresses; only the last one listens."""
    return lab.siblings(*({"behave": closes, "host": host, "listen": host == hosts[-1]} for host in hosts))


def swallow(origin):
    """Its accept queue is full: the kernel drops what wants to connect."""
    origin.listener.listen(0)
    fillers = [socket.socket() for _ in range(8)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex((origin.host, origin.port))
    return fillers


@pytest.mark.parametrize("addresses_n", [2, 3])
@pytest.mark.parametrize("is_silent", [False, True], ids=["refuses", "swallows"])
def test_dead_addresses_fail_no_request(lab, names, addresses_n, is_silent):
    """All addresses but one are dead; every request needs a connection of its own."""
    *dead, good = siblings(lab, *[f"127.0.0.{n + 2}" for n in range(addresses_n)])
    fillers = [filler for origin in dead if is_silent for filler in swallow(origin)]
    weldr = named_weldr(lab, names, url(good), *dead, good)
    weldr.set_timeouts(connect_ms=3000)  # of which each address has a share of a second at least
    slow_n, start = 0, now()
    for number in range(100):
        begin = now()
        answer = weldr.ask() if number % 2 else weldr.ask("POST", fields=[("Content-Length", "4")], body=b"body")
        slow_n += now() - begin > 0.8
        assert answer.status == 200, (number, answer)
    assert weldr.stats()["retries"] == 0 and weldr.stats()["server"] == {"success": 100, "failed": 0}
    assert slow_n <= len(dead) * (1 + (now() - start) // SHUN_S), slow_n
    for filler in fillers:
        filler.close()


def test_an_address_family_that_nobody_listens_on(lab, both_families):
    """localhost in a stock hosts file, and an application that listens on IPv4 only."""
    absent, good = siblings(lab, "::1", "127.0.0.1")
    weldr = named_weldr(lab, both_families, url(good), absent, good)
    assert {weldr.ask().status for _ in range(50)} == {200}
    assert weldr.stats()["server"] == {"success": 50, "failed": 0}
