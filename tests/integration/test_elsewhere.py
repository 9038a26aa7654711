"""Servers that can't be reached: the request goes on to the next, and what is short of something here is no server's fault."""

import pytest

import origins as o


@pytest.mark.smoke
@pytest.mark.parametrize("attempts", [1, 2])
def test_refusing_servers_fail_no_request(lab, attempts):
    """Two of three refuse. Nothing was sent, so neither retry.attempts nor the budget counts it."""
    weldr, good = lab.run(o.named("good"))
    dead = [lab.dead_origin() for _ in range(2)]
    for origin in dead:
        weldr.add(origin)
    weldr.patch_pool({"eject": {"errors": 0}, "retry": {"attempts": attempts, "budget_percent": 0}})
    for number in range(60):
        answer = weldr.ask() if number % 2 else weldr.ask("POST", fields=[("Content-Length", "4")], body=b"body")
        assert answer.text == "good", (number, answer)
    assert [weldr.server(origin)["failed"] for origin in (good, *dead)][0] == 0
    assert all(weldr.server(origin)["failed"] >= 20 for origin in dead)


def test_ejection_still_sees_what_refuses(lab):
    weldr, *_ = lab.run(o.named("good"), o.named("good"))
    dead = [lab.dead_origin() for _ in range(2)]
    for origin in dead:
        weldr.add(origin)
    weldr.patch_pool({"eject": {"base_ms": 60000}})
    assert {weldr.ask().text for _ in range(60)} == {"good"}
    assert [(weldr.server(origin)["ejected"], weldr.server(origin)["failed"]) for origin in dead] == [(1, 5)] * 2


def test_all_refuse(lab):
    """Each is asked once, and the client has its answer."""
    weldr = lab.weldr()
    dead = [lab.dead_origin() for _ in range(5)]
    for origin in dead:
        weldr.add(origin)
    answer = weldr.ask()
    assert (answer.status, answer.get("Weldr-Error")) == (502, "connect_refused")
    assert [weldr.server(origin)["failed"] for origin in dead] == [1] * 5
