"""Listeners and pools say how TLS is spoken, and with which certificates: what goes together, what is in use, what may go."""

import os
import signal

import pytest

import tls_files as t
from failures import is_problem
from ports import Port


@pytest.fixture
def root():
    return t.authority()


def add(weldr, root, name):
    answer = weldr.api("POST", "/certificates", root.issue(f"{name}.test").body(name=name))
    assert answer.status == 201, answer
    return answer.json["id"]


def listen(weldr, name, expect=201, **tls):
    port = Port()
    answer = weldr.api("POST", "/listeners", {"name": name, "addresses": [port.text], "protocol": "https", "tls": tls})
    assert answer.status == expect, answer
    return answer


def tls_of(weldr, name):
    return weldr.api("GET", f"/listeners/{name}").json["tls"]


def test_https_needs_a_certificate(weldr, root):
    is_problem(listen(weldr, "one", 409), 409, "no_certificate", "protocol")
    answer = weldr.api("PATCH", "/listeners/default", {"protocol": "https"})
    is_problem(answer, 409, "no_certificate", "protocol")
    assert "POST /certificates" in answer.json["detail"]
    assert [listener["name"] for listener in weldr.api("GET", "/listeners").json["listeners"]] == ["default"]
    add(weldr, root, "a")
    assert listen(weldr, "one").json["protocol"] == "https"
    answer = weldr.api("DELETE", "/certificates/a")
    is_problem(answer, 409, "in_use")
    assert answer.json["detail"] == "listener one has no other certificate"
    assert weldr.api("DELETE", "/listeners/one").status == 200
    assert weldr.api("DELETE", "/certificates/a").status == 200


def test_members_change_one_by_one(weldr, root):
    add(weldr, root, "a")
    id_of_b = add(weldr, root, "b")
    standard = listen(weldr, "one").json["tls"]
    given = {"profile": "modern", "certificates": ["a", id_of_b], "default_certificate": "b", "client_certificate": "optional",
             "client_ca": root.pem, "handshake_ms": 5000, "hsts_max_age_s": 600, "hsts_include_subdomains": True,
             "strict_sni": True, "redirect": False}
    weldr.patch_listener({"tls": given}, "one")
    assert tls_of(weldr, "one") == given
    assert weldr.api("GET", "/certificates/b").json["listeners"] == ["one"]
    weldr.patch_listener({"tls": {"profile": None, "certificates": None, "strict_sni": None}}, "one")
    assert tls_of(weldr, "one") == {**given, "profile": "intermediate", "certificates": None, "strict_sni": False}
    weldr.patch_listener({"tls": None}, "one")
    assert tls_of(weldr, "one") == standard
    whole = weldr.api("GET", "/listeners/one").json
    weldr.patch_listener({"tls": given}, "one")
    assert weldr.api("PUT", "/listeners/one", whole).status == 200
    assert tls_of(weldr, "one") == standard


def test_what_does_not_go_together_is_refused(weldr, root):
    add(weldr, root, "a")
    for body, status, code, field in (
            ({"tls": {"certificates": ["a", "none"]}}, 422, "invalid_value", "tls.certificates[1]"),
            ({"tls": {"certificates": ["a", "a"]}}, 422, "invalid_value", "tls.certificates[1]"),
            ({"tls": {"certificates": []}}, 422, "invalid_value", "tls.certificates"),
            ({"tls": {"default_certificate": "none"}}, 422, "invalid_value", "tls.default_certificate"),
            ({"tls": {"client_certificate": "require"}}, 422, "missing_field", "tls.client_ca"),
            ({"tls": {"profile": "old"}}, 422, "invalid_value", "tls.profile"),
            ({"tls": {"handshake_ms": 0}}, 422, "invalid_value", "tls.handshake_ms"),
            ({"tls": {"verify": False}}, 422, "moved", "tls.verify"),
            ({"tls": {"ciphers": "ALL"}}, 422, "unknown_key", "tls.ciphers"),
            ({"protocol": "https", "tls": {"redirect": True}}, 422, "invalid_value", "tls.redirect"),
            ({"protocol": "h2"}, 422, "invalid_value", "protocol")):
        is_problem(weldr.api("PATCH", "/listeners/default", body), status, code, field)
    for body, code, field in (
            ({"tls": {"certificate": "none"}}, "invalid_value", "tls.certificate"),
            ({"tls": {"server_name": ".test"}}, "invalid_value", "tls.server_name"),
            ({"tls": {"min_version": "1.1"}}, "invalid_value", "tls.min_version"),
            ({"tls": {"verify": "no"}}, "invalid_value", "tls.verify"),
            ({"tls": {"strict_sni": True}}, "moved", "tls.strict_sni")):
        is_problem(weldr.api("PATCH", "/pools/default", body), 422, code, field)


@pytest.fixture
def no_authorities(root):
    """What a text must not be that says whom to believe, and what the refusal says of it."""
    pair = root.issue("mixed.test")
    damaged = root.pem.replace("\n", "\n!", 2)
    return {"x": "no certificate in it", pair.key: "a private key", root.pem + pair.key: "a private key",
            pair.traditional_key(): "a private key", damaged: "damaged", root.pem + "-----BEGIN CERTIFICATE-----\nAAAA\n": "damaged",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "is no certificate"}


def is_judged(weldr, method, path, make, field, texts):
    """Each of the texts is refused and nothing has changed."""
    before = weldr.api("GET", path).text if method != "POST" else None
    for text, word in texts.items():
        answer = weldr.api(method, path, make(text))
        is_problem(answer, 422, "invalid_value", field)
        assert word in answer.json["detail"] and "PRIVATE" not in answer.json["detail"], answer.json
    assert before is None or weldr.api("GET", path).text == before


def test_authorities_of_clients_are_judged(weldr, root, no_authorities):
    """Every client would be refused by a live listener; and a private key would be shown, and kept in clear."""
    add(weldr, root, "a")
    address = listen(weldr, "one", client_ca=root.pem).json["addresses"]
    whole = {"addresses": address, "protocol": "https"}
    other = {"name": "two", "addresses": [Port().text], "protocol": "https"}
    for method, path, make in (("PATCH", "/listeners/one", lambda text: {"tls": {"client_ca": text}}),
                               ("PUT", "/listeners/one", lambda text: {**whole, "tls": {"client_ca": text}}),
                               ("POST", "/listeners", lambda text: {**other, "tls": {"client_ca": text}})):
        is_judged(weldr, method, path, make, "tls.client_ca", no_authorities)
    assert root.pem == tls_of(weldr, "one")["client_ca"]
    weldr.patch_listener({"tls": {"client_ca": root.pem + root.intermediate().pem, "client_certificate": "require"}}, "one")


def test_authorities_of_servers_are_judged(weldr, root, no_authorities):
    weldr.patch_pool({"tls": {"ca": root.pem}})
    for method, path, make in (("PATCH", "/pools/default", lambda text: {"tls": {"ca": text}}),
                               ("PUT", "/pools/default", lambda text: {"tls": {"ca": text}}),
                               ("PUT", "/pools/new", lambda text: {"tls": {"ca": text}}),
                               ("POST", "/pools", lambda text: {"name": "new", "tls": {"ca": text}})):
        is_judged(weldr, method, path, make, "tls.ca", no_authorities)
    assert weldr.api("GET", "/pools/default").json["tls"]["ca"] == root.pem
    assert weldr.api("GET", "/pools/new").status == 404
    assert weldr.api("PATCH", "/pools/default?dry_run=true", {"tls": {"ca": "x"}}).status == 422


def test_a_certificate_goes_off_the_lists_that_have_another(weldr, root):
    for name in ("a", "b"):
        add(weldr, root, name)
    listen(weldr, "both", certificates=["a", "b"], default_certificate="a")
    listen(weldr, "all", default_certificate="a")
    listen(weldr, "single", certificates=["a"])
    tag = weldr.api("GET", "/listeners/both").get("ETag")
    answer = weldr.api("DELETE", "/certificates/a")
    is_problem(answer, 409, "in_use")
    assert answer.json["detail"] == "listener single has no other certificate"
    weldr.patch_listener({"tls": {"certificates": ["b"]}}, "single")
    assert weldr.api("DELETE", "/certificates/a").status == 200
    assert tls_of(weldr, "both")["certificates"] == ["b"] and tls_of(weldr, "both")["default_certificate"] is None
    assert tls_of(weldr, "all")["certificates"] is None and tls_of(weldr, "all")["default_certificate"] is None
    assert weldr.api("GET", "/listeners/both").get("ETag") != tag
    assert sorted(weldr.api("GET", "/certificates/b").json["listeners"]) == ["all", "both", "single"]


def test_a_pool_shows_a_certificate(weldr, root):
    add(weldr, root, "a")
    weldr.patch_pool({"tls": {"certificate": "a", "ca": root.pem, "server_name": "in.test", "min_version": "1.3", "verify": False}})
    assert weldr.api("GET", "/pools/default").json["tls"] == {
        "ca": root.pem, "server_name": "in.test", "min_version": "1.3", "certificate": "a", "verify": False}
    assert weldr.api("GET", "/certificates/a").json["pools"] == ["default"]
    answer = weldr.api("DELETE", "/certificates/a")
    is_problem(answer, 409, "in_use")
    assert answer.json["detail"] == "pool default shows it to its servers"
    weldr.patch_pool({"tls": None})
    assert weldr.api("GET", "/pools/default").json["tls"]["verify"] is True
    assert weldr.api("DELETE", "/certificates/a").status == 200


def test_a_worker_that_starts_has_all_of_it(lab, root):
    """By a snapshot: certificates come before the pools and listeners that name them."""
    weldr = lab.weldr(workers=2)
    add(weldr, root, "a")
    add(weldr, root, "b")
    listen(weldr, "one", certificates=["b"], client_ca=root.pem, client_certificate="require")
    weldr.patch_pool({"tls": {"certificate": "a"}})
    pids = weldr.worker_pids()
    os.kill(pids[0], signal.SIGKILL)
    weldr.wait_workers(2, not_pids=[pids[0]])
    assert weldr.api("DELETE", "/certificates/a").status == 409
    weldr.patch_listener({"tls": {"certificates": ["a", "b"]}}, "one")
    assert len({worker["digest"] for worker in weldr.workers()}) == 1
