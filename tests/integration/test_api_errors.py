"""The management API refuses: what is wrong gets a problem document that names it, and nothing changes."""

import json

import pytest
from failures import is_problem
from rawhttp import Client

URL = "http://127.0.0.1:12345"
PATH = "/servers/127.0.0.1/12345"


def post(weldr, body):
    return weldr.api("POST", "/servers", body)


BAD_URLS = [
    "http://127.0.0.1:12345/path", "http://127.0.0.1:12345?q=1", "http://127.0.0.1:12345/#x",
    "http://user@127.0.0.1:12345", "http://user:word@127.0.0.1", "http://", "http://:80",
    "http://127.0.0.1:0", "http://127.0.0.1:65536", "http://127.0.0.1:99999999999", "http://127.0.0.1:abc",
    "http://127.0.0.1:-1", "http://127.0.0.1: 80", "http://[::1", "http://::1:80", "http://[zz]:80",
    "http://1.2.3.4.5:80", "http://256.1.1.1", "http://bad host", "ftp://127.0.0.1", "127.0.0.1:12345", "//127.0.0.1", "",
    "http:/127.0.0.1", "http://" + "a" * 5000, "http://127.0.0.1:80\r\nX: y", "http://127.0.0.1\u00e9",
]


@pytest.mark.smoke
def test_bad_urls_are_422(weldr):
    """A06, H10: refused at POST; the process lives on."""
    for url in BAD_URLS:
        is_problem(post(weldr, {"url": url}), 422, "invalid_url", "url")
    assert post(weldr, {"url": "http://127.0.0.1\x00:80"}).status in (400, 422)
    assert weldr.servers() == []


@pytest.mark.smoke
def test_bad_values_are_422(weldr):
    """Each names its field."""
    cases = [
        ({}, "missing_field", "url"),
        ({"weight": 1}, "missing_field", "url"),
        ({"url": 5}, None, "url"),
        ({"url": None}, None, "url"),
        ({"url": URL, "colour": "red"}, "unknown_key", "colour"),
        ({"url": URL, "weight": 257}, "invalid_value", "weight"),
        ({"url": URL, "weight": -1}, "invalid_value", "weight"),
        ({"url": URL, "weight": "5"}, "invalid_value", "weight"),
        ({"url": URL, "weight": 1.5}, "invalid_value", "weight"),
        ({"url": URL, "map_host": "yes"}, "invalid_value", "map_host"),
        ({"url": URL, "meta": []}, "invalid_value", "meta"),
        ({"url": URL, "meta": {"a": 1}}, "invalid_value", "meta.a"),
        ({"url": URL, "check": 5}, "invalid_value", "check"),
        ({"url": URL, "check": {"colour": 1}}, "unknown_key", "check.colour"),
        ({"url": URL, "check": {"type": "ftp"}}, "invalid_value", "check.type"),
        ({"url": URL, "check": {"interval_ms": 0}}, "invalid_value", "check.interval_ms"),
        ({"url": URL, "check": {"interval_ms": "1"}}, "invalid_value", "check.interval_ms"),
        ({"url": URL, "check": {"fast_interval_ms": -5}}, "invalid_value", "check.fast_interval_ms"),
        ({"url": URL, "check": {"timeout_ms": 10**12}}, "invalid_value", "check.timeout_ms"),
        ({"url": URL, "check": {"failures": 0}}, "invalid_value", "check.failures"),
        ({"url": URL, "check": {"passes": 101}}, "invalid_value", "check.passes"),
        ({"url": URL, "check": {"agree": "most"}}, "invalid_value", "check.agree"),
        ({"url": URL, "check": {"agree": True}}, "invalid_value", "check.agree"),
        ({"url": URL, "check": {"expect": "2xx"}}, "invalid_value", "check.expect"),
        ({"url": URL, "check": {"expect": "299-200"}}, "invalid_value", "check.expect"),
        ({"url": URL, "check": {"path": "no-slash"}}, "invalid_value", "check.path"),
        ({"url": URL, "check": {"path": "/a b"}}, "invalid_value", "check.path"),
        ({"url": URL, "check": {"path": "/a\r\nX: y"}}, "invalid_value", "check.path"),
        ({"url": URL, "check": {"host": "a\r\nX: y"}}, "invalid_value", "check.host"),
    ]
    for body, code, field in cases:
        answer = post(weldr, body)
        assert answer.status == 422, (body, answer)
        is_problem(answer, 422, code or answer.json["code"], field)
    assert weldr.servers() == []


@pytest.mark.smoke
def test_bad_json_is_400(weldr):
    """A05: the detail starts as the original's text did."""
    for body in ("", "{", "nonsense", '{"url":}', '{"url":"x"} trailing', "[1,", '{"url":"\xff"}'.encode("latin-1"),
                 "{'url':'x'}", '{"url":"http://127.0.0.1:1",}', "[" * 5000, b"\x00"):
        problem = is_problem(post(weldr, body), 400, "invalid_json")
        assert problem["detail"].startswith("invalid JSON: "), problem
    assert weldr.servers() == []


@pytest.mark.parametrize("body", ["[]", "5", '"text"', "null", "true"])
def test_json_that_is_no_object(weldr, body):
    answer = post(weldr, body)
    assert answer.status in (400, 422)
    assert answer.json["code"] in ("invalid_json", "invalid_value")


def test_repeated_keys_are_refused_or_last(weldr):
    """Two meanings in one body must not crash nor add two."""
    assert post(weldr, '{"url":"%s","url":"http://127.0.0.1:2"}' % URL).status in (201, 400, 422)
    assert len(weldr.servers()) <= 1


@pytest.mark.smoke
def test_unknown_paths_are_404(weldr):
    """A13."""
    for path in ("/nothing", "/server", "/stats/more", "/servers/a/b/c", "/pools/other", "//", "/v2/servers",
                 "/v1/nothing", "/Servers"):
        is_problem(weldr.api("GET", path), 404, "not_found")


@pytest.mark.smoke
def test_wrong_methods_are_405_with_allow(weldr):
    weldr.add(URL)
    for method, path, allowed in (
            ("POST", "/", {"GET"}), ("DELETE", "/servers", {"GET", "POST", "PUT"}), ("PATCH", "/servers", {"GET", "POST", "PUT"}),
            ("POST", PATH, {"GET", "PATCH", "DELETE"}), ("POST", "/stats", {"GET"}), ("DELETE", "/workers", {"GET"}),
            ("DELETE", "/pools", {"GET", "POST"}), ("POST", "/pools/default", {"GET", "PUT", "PATCH", "DELETE"}), ("PATCH", "/stats/detail", {"GET"}),
            ("PUT", "/health", {"GET"})):
        answer = weldr.api(method, path, {} if method != "DELETE" else None)
        is_problem(answer, 405, "method_not_allowed")
        told = {m.strip() for m in answer.get("Allow").split(",")}
        assert told >= allowed and method not in told, (method, path, told)


def test_connect_to_the_api_is_405(weldr):
    """Its target is no path: Allow tells what the API knows at all."""
    with Client(weldr.admin) as client:
        client.send("CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n")
        response = client.response()
        assert response.status == 405 and json.loads(response.body)["code"] == "method_not_allowed"
        assert response.get("Allow") == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


@pytest.mark.smoke
def test_too_large_body_is_413(weldr):
    """Told by the length at once, or found while the chunks come."""
    with Client(weldr.admin) as client:
        client.request("POST", "/servers", fields=[("Content-Length", str(64 << 20))], body=b"{")
        too_large = client.response()
        assert too_large.status == 413 and json.loads(too_large.body)["code"] == "too_large"
    with Client(weldr.admin) as client:
        client.request("POST", "/servers", fields=[("Transfer-Encoding", "chunked")])
        try:
            for _ in range(64):
                client.send(b"10000\r\n" + b" " * 65536 + b"\r\n")
        except ConnectionError:
            pass
        assert client.head().status == 413
    assert weldr.api("GET", "/servers").json["servers"] == []


def test_malformed_requests_to_the_api(weldr):
    for data in (b"garbage\r\n\r\n", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"):
        with Client(weldr.admin) as client:
            client.send(data)
            assert client.response().status == 400
            client.buffer = b""
            assert client.is_closed()
    for data in (b"", b"GET", b"POST /servers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"):
        client = Client(weldr.admin).send(data)
        client.reset()
    assert weldr.api("GET", "/").status == 200
