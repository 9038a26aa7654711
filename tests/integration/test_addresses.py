"""A server given by name is all of its addresses: those that are gone carry nothing more, one that is dead fails no request."""

import pytest

import origins as o
from rawhttp import wait_until
from test_names import names, twins, url # noqa: F401


def addresses(weldr):
    shown = weldr.api("GET", "/servers").json["servers"][0]["addresses"]
    return sorted(a if isinstance(a, str) else a["address"] for a in shown)


def knows(weldr, *wanted):
    """Each worker has been told that these are the addresses of the first server."""
    wanted = sorted(f"{origin.host}:{origin.port}" for origin in wanted)
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
