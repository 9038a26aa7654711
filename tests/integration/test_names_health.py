"""Health of a server given by name is that of its addresses: each has its own checks, a dead one is out and shown."""

import origins as o
from rawhttp import wait_until
from test_names import names, url  # noqa: F401 (a fixture)

FAST = {"interval_ms": 100, "fast_interval_ms": 100, "timeout_ms": 1000, "failures": 2, "passes": 2}


def named(lab, names, answer, **check):  # noqa: F811
    """A weldr with the server "app", and a function that tells how it stands: its state, and that of each address."""
    origins = lab.siblings(*({"behave": o.Health(), "host": address} for address in answer))
    names.names["app"] = answer
    weldr = lab.weldr("--resolver", names.address)
    weldr.add(url(origins[0]), check={**FAST, **check})

    def server():
        return weldr.api("GET", "/servers").json["servers"][0]

    def states():
        return " ".join([server()["state"], *(a["state"] for a in server()["addresses"])])
    wait_until(lambda: all(origin.accepted for origin in origins), 10, "a check of each")
    return weldr, origins, server, states


def test_dead_address_of_a_name(lab, names):  # noqa: F811
    """Must hold B3: `localhost` with an application that listens at 127.0.0.1 only."""
    origin, _ = lab.siblings({"behave": o.Health(), "host": "127.0.0.1"}, {"host": "::1", "listen": False})
    names.names["app"] = ["127.0.0.1", "::1"]
    weldr = lab.weldr("--resolver", names.address)
    weldr.add(url(origin), check=FAST)

    def server():
        return weldr.api("GET", "/servers").json["servers"][0]
    wait_until(lambda: [a["state"] for a in server()["addresses"]] == ["active", "down"], 10, "::1 is out")
    for _ in range(20):
        assert server()["state"] == "active", server()
    live, dead = server()["addresses"]
    assert (live["address"], dead["address"]) == (f"127.0.0.1:{origin.port}", f"[::1]:{origin.port}")
    assert live["reason"] is None and "connection refused" in dead["reason"], dead
    assert live["since"][:2] == dead["since"][:2] == "20" and live["since"] <= dead["since"]
    assert server()["reason"] == "1 of 2 addresses are down"
    assert server()["last_check"]["ok"] is True
    assert weldr.lines(msg="address is down", address=dead["address"])
    assert not weldr.lines(msg="server is down")


def test_down_when_no_address_is_left(lab, names):  # noqa: F811
    """And up with the first that comes back."""
    weldr, (one, two), server, states = named(lab, names, ["127.0.0.2", "127.0.0.3"])
    assert states() == "active active active"
    one.stop()
    wait_until(lambda: states() == "active down active", 10, "one is out")
    two.stop()
    wait_until(lambda: states() == "down down down", 10, "the server is down")
    assert server()["last_check"]["ok"] is False and "failed check" in server()["reason"]
    two.restart()
    wait_until(lambda: states() == "active down active", 10, "the server is back")
    one.restart()
    wait_until(lambda: states() == "active active active", 10, "all are back")
    assert server()["reason"] is None


def test_hung_address_does_not_slow_the_other(lab, names):  # noqa: F811
    """Each has its own timer: one that never answers takes no turn from the one that does."""
    hung, live = lab.siblings({"behave": o.stall, "host": "127.0.0.2"}, {"behave": o.Health(), "host": "127.0.0.3"})
    names.names["app"] = ["127.0.0.2", "127.0.0.3"]
    weldr = lab.weldr("--resolver", names.address)
    weldr.add(url(hung), check={**FAST, "timeout_ms": 60000})
    wait_until(lambda: live.accepted >= 10, 10, "ten checks of the other")
    assert hung.accepted == 1


def test_addresses_that_stay_keep_their_health(lab, names):  # noqa: F811
    weldr, (one, two, _), server, states = named(lab, names, ["127.0.0.2", "127.0.0.3", "127.0.0.4"])
    one.stop()
    wait_until(lambda: states() == "active down active active", 10, "one is out")
    since = server()["addresses"][0]["since"]
    names.names["app"] = ["127.0.0.2", "127.0.0.3"]
    wait_until(lambda: len(server()["addresses"]) == 2, 10, "another answer")
    assert states() == "active down active" and server()["addresses"][0]["since"] == since
    names.names["app"] = ["127.0.0.2"]
    wait_until(lambda: states() == "down down", 10, "only the dead one is left")
    names.names["app"] = ["127.0.0.2", "127.0.0.3"]
    wait_until(lambda: states() == "active down active", 10, "a good one is found")
    assert two.accepted > 0


def test_removed_addresses_are_not_checked(lab, names):  # noqa: F811
    weldr, (one, two), server, states = named(lab, names, ["127.0.0.2", "127.0.0.3"])
    names.names["app"] = ["127.0.0.3"]
    wait_until(lambda: len(server()["addresses"]) == 1, 10, "another answer")
    gone, stays = one.accepted, two.accepted
    wait_until(lambda: two.accepted >= stays + 5, 10, "more checks of the other")
    assert one.accepted <= gone + 1


def test_no_check_forgives_all_addresses(lab, names):  # noqa: F811
    """And settings that change leave the verdicts as they are."""
    weldr, (one, _), server, states = named(lab, names, ["127.0.0.2", "127.0.0.3"])
    one.stop()
    wait_until(lambda: states() == "active down active", 10, "one is out")
    path = f"/servers/app.weldr.test/{one.port}"
    assert weldr.api("PATCH", path, {"check": {"interval_ms": 600000}}).status == 200
    assert states() == "active down active"
    assert weldr.api("PATCH", path, {"check": {"type": "none"}}).status == 200
    assert states() == "active active active" and server()["reason"] is None
    names.names["app"] = ["127.0.0.2", "127.0.0.3", "127.0.0.9"]
    wait_until(lambda: states() == "active active active active", 10, "a new one is not checked either")


def test_maintenance_stops_the_checks_of_all(lab, names):  # noqa: F811
    weldr, (one, two), server, states = named(lab, names, ["127.0.0.2", "127.0.0.3"])
    path = f"/servers/app.weldr.test/{one.port}"
    assert weldr.api("POST", path + "/maintenance").status == 200
    seen = one.accepted, two.accepted
    names.names["app"] = ["127.0.0.2", "127.0.0.3", "127.0.0.9"]
    wait_until(lambda: len(server()["addresses"]) == 3, 10, "another answer")
    assert one.accepted <= seen[0] + 1 and two.accepted <= seen[1] + 1
    assert weldr.api("POST", path + "/resume").status == 200
    wait_until(lambda: states() == "active active active down", 10, "all are checked again")


def test_initial_down_holds_for_each_address(lab, names):  # noqa: F811
    """For those too that are found later."""
    waiting, live = lab.siblings({"behave": o.stall, "host": "127.0.0.3"}, {"behave": o.Health(), "host": "127.0.0.2"})
    weldr = lab.weldr("--resolver", names.address)
    weldr.add(url(live), check={**FAST, "timeout_ms": 60000, "initial": "down"})

    def server():
        return weldr.api("GET", "/servers").json["servers"][0]
    wait_until(lambda: weldr.lines(msg="name can't be resolved"), 10, "there is no such name")
    names.names["app"] = ["127.0.0.2"]
    wait_until(lambda: server()["state"] == "active", 10, "its first pass")
    assert [line["msg"] for line in weldr.lines(server=url(live)) if "address is" in line["msg"]] == ["address is active"]
    names.names["app"] = ["127.0.0.2", "127.0.0.3"]
    wait_until(lambda: len(server()["addresses"]) == 2, 10, "another answer")
    assert [a["reason"] for a in server()["addresses"]] == [None, "waits for its first check"]
    assert server()["state"] == "active"


def test_given_by_address_has_one(lab):
    weldr = lab.weldr()
    origin = lab.origin(o.Health())
    weldr.add(origin, check=FAST)
    entry = weldr.server(origin)["addresses"]
    assert [(a["address"], a["state"], a["reason"]) for a in entry] == [(origin.authority, "active", None)]
    origin.stop()
    weldr.wait_state(origin, "down")
    server = weldr.server(origin)
    assert server["addresses"][0]["state"] == "down"
    assert server["addresses"][0]["reason"] == server["reason"]
