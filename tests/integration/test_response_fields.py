"""How many fields an answer may have: limits.response_fields."""

import pytest

import origins as o
from rawhttp import wait_until

pytestmark = pytest.mark.tls("tls-clear", "clear-tls")  # on either side alone, too

FAST = {"path": "/", "interval_ms": 200, "fast_interval_ms": 100, "timeout_ms": 5000, "failures": 2, "passes": 2}


def answer(count):
    """An answer of exactly so many fields."""
    return o.raw(b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(count - 1)) + b"Content-Length: 2\r\n\r\nok")


def fields_n(response):
    return len([name for name, _ in response.fields if name.startswith("X-") and name != "X-Request-Id"])


@pytest.mark.parametrize("limit, most", ((None, 128), (512, 512), (300, 300), (3, 3)))
def test_as_many_as_set(lab, limit, most):
    weldr, _ = lab.run(o.in_turn(answer(most), answer(most + 1), answer(most)))
    if limit:
        weldr.patch_pool({"limits": {"response_fields": limit}})
        weldr.tell_workers()
    client = weldr.connect()
    response = client.ask()
    assert (response.status, response.body, fields_n(response)) == (200, b"ok", most - 1)
    response = client.ask()
    assert (response.status, response.get("Weldr-Error")) == (502, "origin_bad_answer")
    assert client.ask().status == 200


def test_requests_have_a_limit_of_their_own(lab):
    weldr, _ = lab.run(answer(500))
    weldr.patch_pool({"limits": {"response_fields": 512}})
    weldr.patch_listener({"limits": {"fields": 10}})
    weldr.tell_workers()
    assert weldr.ask(fields=[("X-A", "b")] * 9).status == 200
    assert weldr.ask(fields=[("X-A", "b")] * 10).status == 431
    assert weldr.api("PATCH", "/listeners/default", {"limits": {"fields": 129}}).status == 422


def test_bounds_of_the_setting(weldr):
    assert weldr.api("GET", "/pools/default").json["limits"]["response_fields"] == 128
    for wrong in (0, 513, -1, "5", 1.5):
        response = weldr.api("PATCH", "/pools/default", {"limits": {"response_fields": wrong}})
        assert response.status == 422 and response.json["field"] == "limits.response_fields", response


def test_a_check_takes_as_many_as_can_be_set(lab):
    """A server that the pool is set up for must not be down for the fields of its answers."""
    weldr = lab.weldr()
    server = lab.origin(answer(512))
    weldr.add(server, check=FAST)
    wait_until(lambda: (weldr.server(server).get("last_check") or {}).get("ok"), 20, "a check that passes")
