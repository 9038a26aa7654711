"""DNS rebinding: a page of a name that its owner lets resolve to our address can't read or drive the API."""

import pytest

from rawhttp import Client

NAME = "weldr.internal.example"
EVIL = "rebound.evil.example"


@pytest.fixture
def strict(lab):
    return lab.weldr(admin_host=None)


def is_refused(answer, status=421, code="unknown_host"):
    assert (answer.status, answer.get("Content-Type")) == (status, "application/problem+json"), answer
    assert answer.json["code"] == code
    return True


@pytest.mark.smoke
def test_a_rebound_name_reads_and_changes_nothing(strict):
    """What a browser sends for a page of evil.example once that name resolves to 127.0.0.1: to it this is one origin, so a
    GET has neither Origin nor, over plain HTTP, Sec-Fetch-Site. Only the name gives it away."""
    for host in (EVIL, f"{EVIL}:{strict.admin[1]}", "127.0.0.1.evil.example", "localhost.evil.example", ""):
        for path in ("/", "/servers", "/pools", "/stats", "/workers", "/node", "/nothing"):
            assert is_refused(strict.api("GET", path, headers={"Host": host})), (host, path)
        body = {"url": "http://127.0.0.1:1", "check": {"type": "none"}}
        assert is_refused(strict.api("POST", "/servers", body, headers={"Host": host}))
        assert is_refused(strict.api("PATCH", "/pools/default", {"drain_ms": 1}, headers={"Host": host}))
    assert strict.servers() == []
    assert NAME not in strict.log and "--admin-host" in strict.api("GET", "/", headers={"Host": EVIL}).json["detail"]


def test_a_rebound_name_is_refused_before_its_body_comes(strict):
    with Client(strict.admin) as client:
        client.send(f"POST /servers HTTP/1.1\r\nHost: {EVIL}\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n")
        assert client.response().status == 421


def test_an_absolute_target_is_looked_at_too(strict):
    for authority, host in ((EVIL, "127.0.0.1"), (EVIL, EVIL), ("127.0.0.1", EVIL)):
        with Client(strict.admin) as client:
            client.send(f"GET http://{authority}/servers HTTP/1.1\r\nHost: {host}\r\n\r\n")
            assert client.response().status in (400, 421), (authority, host)


@pytest.mark.smoke
def test_addresses_and_localhost_are_known(strict):
    port = strict.admin[1]
    for host in ("127.0.0.1", f"127.0.0.1:{port}", "127.0.0.1:1", "10.9.8.7", "[::1]", f"[::1]:{port}", "localhost",
                 f"LocalHost:{port}"):
        assert strict.api("GET", "/servers", headers={"Host": host}).status == 200, host


def test_http_1_0_has_no_host(strict):
    with Client(strict.admin) as client:
        client.send("GET /servers HTTP/1.0\r\n\r\n")
        assert client.response().status == 200


@pytest.mark.parametrize("by", ["flag", "environment"])
def test_names_that_are_given(lab, by):
    if by == "flag":
        weldr = lab.weldr("--admin-host", NAME, "--admin-host", "second", admin_host=None)
    else:
        weldr = lab.weldr(admin_host=None, env={"WELDR_ADMIN_HOST": f"{NAME},second"})
    port = weldr.admin[1]
    for host in (NAME, f"{NAME}:{port}", NAME.upper(), f"{NAME}.", "second"):
        assert weldr.api("GET", "/servers", headers={"Host": host}).status == 200, host
    for host in (EVIL, f"{NAME}.evil.example", f"x{NAME}"):
        assert is_refused(weldr.api("GET", "/servers", headers={"Host": host}))
    body = {"url": "http://127.0.0.1:1", "check": {"type": "none"}}
    own = {"Host": f"{NAME}:{port}", "Origin": f"http://{NAME}:{port}"}
    assert weldr.api("POST", "/servers", body, headers=own).status == 201
    other_port = {"Host": f"{NAME}:{port}", "Origin": f"http://{NAME}:1"}
    assert is_refused(weldr.api("POST", "/servers", body, headers=other_port), 403, "forbidden_origin")


@pytest.mark.smoke
def test_pages_of_other_sites_are_refused(strict):
    """Also where a browser sends no Origin: images, scripts, links of a page."""
    for site in ("cross-site", "same-site", "new-word", ""):
        for method, path, body in (("GET", "/servers", None), ("HEAD", "/servers", None),
                                   ("POST", "/servers", {"url": "http://127.0.0.1:1"})):
            answer = strict.api(method, path, body, headers={"Sec-Fetch-Site": site})
            assert answer.status == 403, (site, method)
            assert method == "HEAD" or is_refused(answer, 403, "forbidden_origin")
    for site in ("none", "same-origin"):
        assert strict.api("GET", "/servers", headers={"Sec-Fetch-Site": site}).status == 200
    assert strict.servers() == []


def test_health_and_ready_go_by_any_name(strict):
    """Load balancers and container platforms send a name of theirs; the response says up or down and nothing else."""
    for path in ("/health", "/ready"):
        assert strict.api("GET", path, headers={"Host": EVIL}).status == 200
        assert is_refused(strict.api("POST", path, b"{}", headers={"Host": EVIL}))
