"""What name servers answer in the field: many addresses, none that can be used, no AAAA, absolute names."""

import time

import origins as o
from rawhttp import wait_until
from test_names import AAAA, names, twins, url  # noqa: F401 (a fixture)


def server(weldr):
    return weldr.api("GET", "/servers").json["servers"][0]


def test_more_than_sixteen_addresses(lab, names):  # noqa: F811
    """All of them, and a rotated answer is no change."""
    answer = [f"127.0.3.{n}" for n in range(1, 21)]
    names.names["app"] = answer
    weldr = lab.weldr("--resolver", names.address)
    weldr.add("http://app.weldr.test:9")
    wait_until(lambda: len(server(weldr)["addresses"]) == 20, 5, "all addresses")
    names.names["app"] = answer[7:] + answer[:7]
    queries = names.queries_n
    wait_until(lambda: names.queries_n >= queries + 6, 10, "three more answers")
    assert len(weldr.lines(msg="name resolved")) == 1


def test_addresses_of_nobody_are_dropped(lab, names):  # noqa: F811
    one, _ = twins(lab)
    names.names["app"] = ["0.0.0.0", "127.0.0.2", "224.0.0.1", "::", "ff02::1", "::ffff:255.255.255.255"]
    weldr = lab.weldr("--resolver", names.address)
    weldr.add(url(one))
    wait_until(lambda: server(weldr)["addresses"], 5, "an address")
    assert weldr.lines(msg="address of a name is not used", reason="wildcard address")
    wait_until(lambda: weldr.ask().text == "one", 5, "the good one serves")
    assert str(server(weldr)["addresses"]).count("127.0.0.2") == 1 and len(server(weldr)["addresses"]) == 1


def test_only_addresses_of_nobody(lab, names):  # noqa: F811
    """As a blocking name server answers: the server is down and says why."""
    names.names["app"] = ["0.0.0.0"]
    weldr = lab.weldr("--resolver", names.address)
    weldr.add("http://app.weldr.test:9")
    wait_until(lambda: server(weldr)["reason"] == "no usable address: wildcard address", 5, "the reason")
    assert (server(weldr)["state"], server(weldr)["addresses"]) == ("down", [])


def test_absolute_name(lab, names):  # noqa: F811
    one, _ = twins(lab)
    names.names["app"] = ["127.0.0.2"]
    weldr = lab.weldr("--resolver", names.address)
    added = weldr.add(f"http://app.weldr.test.:{one.port}", map_host=True)["servers"][0]
    wait_until(lambda: weldr.ask().text == "one", 5, "the name is resolved")
    assert added["links"][0]["href"] == f"/servers/app.weldr.test./{one.port}"
    assert weldr.api("GET", added["links"][0]["href"]).status == 200
    assert one.last("/").get("Host") == f"app.weldr.test.:{one.port}"


def test_missing_aaaa_holds_nothing_back(lab, names):  # noqa: F811
    """Many a name server knows A and leaves AAAA without an answer."""
    one, two = twins(lab)
    names.names["app"] = ["127.0.0.2"]
    names.silent.add(AAAA)
    weldr = lab.weldr("--resolver", names.address)
    start = time.monotonic()
    weldr.add(url(one))
    wait_until(lambda: weldr.ask().text == "one", 5, "the name is resolved")
    assert time.monotonic() - start < 3.5, "two tries of 2 s were not waited for"
    names.names["app"] = ["127.0.0.3"]
    start = time.monotonic()
    wait_until(lambda: str(two.port) in str(server(weldr)["addresses"]) and
               "127.0.0.3" in str(server(weldr)["addresses"]), 10, "asked again at the TTL")
    assert time.monotonic() - start < 4.5, "nor behind the TTL of 1 s"


def test_late_aaaa_is_added(lab, names):  # noqa: F811
    names.names["app"] = ["127.0.0.2", "::1"]
    names.silent.add(AAAA)
    weldr = lab.weldr("--resolver", names.address)
    weldr.add("http://app.weldr.test:9")
    wait_until(lambda: len(server(weldr)["addresses"]) == 1, 5, "A alone")
    names.silent.clear()
    wait_until(lambda: len(server(weldr)["addresses"]) == 2, 10, "both")
