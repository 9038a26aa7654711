"""Weldr is no server of its own pool: neither its proxy nor its API, however the address is written or found."""

import pytest
from rawhttp import wait_until
from test_names import names  # noqa: F401 (a fixture)
from weldr import run_weldr

NO_CHECK = {"type": "none"}


def add(weldr, url):
    return weldr.api("POST", "/servers", {"url": url, "check": NO_CHECK})


def refuse(answer, url):
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "own_address", "url"), (url, answer.text)


@pytest.mark.smoke
def test_every_form_of_an_own_address_is_refused(lab):
    weldr = lab.weldr(ip="[::]:0")
    proxy, api = weldr.proxies[0][1], weldr.apis[0][1]
    for host in ("127.0.0.1", "127.0.0.9", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST.",
                 "app.localhost"):
        refuse(add(weldr, f"http://{host}:{proxy}"), host)
    for host in ("127.0.0.1", "localhost"):
        refuse(add(weldr, f"http://{host}:{api}"), host)
    for host in ("0.0.0.0", "[::]"):  # nobody's server
        assert add(weldr, f"http://{host}:{proxy}").json["code"] == "invalid_url"
    assert weldr.api("GET", "/servers").json["servers"] == []


def test_other_ports_and_addresses_are_others(lab):
    weldr = lab.weldr(ip="127.0.0.2:0")
    proxy = weldr.proxies[0][1]
    refuse(add(weldr, f"http://127.0.0.2:{proxy}"), "own")
    for url in (f"http://127.0.0.3:{proxy}", f"http://[::1]:{proxy}", "http://127.0.0.2:1"):
        assert add(weldr, url).status == 201, url


def test_addresses_of_an_interface(lab):
    namespace = lab.namespace("10.77.0.1", "10.77.0.2")
    weldr = lab.weldr(ip="0.0.0.0:8080", namespace=namespace)
    for host in ("10.77.0.1", "10.77.0.2"):
        refuse(add(weldr, f"http://{host}:8080"), host)
    assert add(weldr, "http://10.77.0.3:8080").status == 201


def test_a_name_that_leads_back_is_not_used(lab, names):  # noqa: F811
    """What the name server says later on is judged too: an own address is left out, others are used."""
    names.names["loop"] = ["127.0.0.1"]
    weldr = lab.weldr("--resolver", names.address)
    port = weldr.proxies[0][1]
    assert add(weldr, f"http://loop.test:{port}").status == 201
    weldr.wait_log(msg="address of a name is not used", reason="Weldr's own address")
    assert weldr.ask().get("Weldr-Error") == "no_server"
    assert weldr.api("GET", "/servers").json["servers"][0]["state"] == "down"
    names.names["loop"] = ["127.0.0.1", "127.0.0.44"]
    wait_until(lambda: [a["address"] for a in weldr.api("GET", "/servers").json["servers"][0]["addresses"]]
               == [f"127.0.0.44:{port}"], 10, "the other address")


@pytest.mark.parametrize("which", ["--ip", "--admin-ip"])
def test_initial_servers_are_judged_too(lab, which):
    namespace = lab.namespace()
    result = run_weldr("--ip", "127.0.0.1:8080", "--admin-ip", "127.0.0.1:8687", "--server",
                       "http://localhost:%d" % (8080 if which == "--ip" else 8687), namespace=namespace)
    assert result.returncode == 2, result
    assert "listens at that address itself" in result.stderr


def test_health_and_ready_need_no_token(lab):
    """Load balancers ask them, from anywhere; they ask nothing else."""
    outside = "10.77.0.1"
    namespace = lab.namespace(outside)
    weldr = lab.weldr(admin_ip=f"{outside}:0", namespace=namespace, env={"WELDR_ADMIN_TOKEN": "secret"})
    for path in ("/health", "/ready", "/v1/health", "/health?x=1"):
        assert weldr.api("GET", path).status == 200, path
        assert weldr.api("HEAD", path).status == 200, path
        assert weldr.api("GET", path, headers={"Origin": "http://elsewhere.example"}).status == 200, path
    for method, path in (("POST", "/health"), ("DELETE", "/ready"), ("GET", "/healthy"), ("GET", "/health/../servers"),
                         ("GET", "/servers"), ("GET", "/")):
        assert weldr.api(method, path).status == 401, (method, path)
    assert weldr.api("GET", "/health", "a body").status == 401
