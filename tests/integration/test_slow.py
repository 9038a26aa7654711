"""Slow and hostile clients beside normal ones. Few connections here; `make slow` has 5,000 and measures."""

import pytest

import origins as o
from rawhttp import wait_until
from slowhttp import Attack
from weldr import sockets_of

CONNECTIONS, SECONDS = 100, 6
LARGE = b"x" * 2_000_000


def sockets(weldr):
    return sum(sockets_of(pid) for pid in weldr.worker_pids())


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("mode", ["header", "body", "read"])
def test_slow_clients_do_not_hurt_others(lab, mode):
    """Each slow connection is there, each normal request is answered, and nothing is left of the attack after it."""
    weldr, _ = lab.run(o.by_target({"/large": o.answer(body=LARGE)}, o.echo), workers=2)
    before = sockets(weldr)
    attack = Attack(mode, weldr.address, CONNECTIONS, SECONDS)
    wait_until(lambda: sockets(weldr) >= before + CONNECTIONS, 10, "the slow connections")
    normal = weldr.connect()
    answered = 0
    while attack.is_running:
        assert normal.ask().status == 200
        response = weldr.ask("POST", fields=[("Content-Length", "5")], body=b"hello")
        assert (response.status, response.body) == (200, b"hello")
        answered += 1
    assert attack.wait()["error"] == 0
    assert answered > 10
    normal.close()
    wait_until(lambda: weldr.servers()[0]["in_flight"] == 0, 10, "nothing in flight")
