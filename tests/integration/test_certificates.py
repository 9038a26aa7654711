"""Certificates: added, replaced and removed by the API; what is shown of them, and what is refused and why."""

import datetime
import socket
import ssl

import pytest

import tls_files as t
from failures import is_problem
from ports import Port


@pytest.fixture
def root():
    return t.authority()


def post(weldr, pair, expect=201, **more):
    answer = weldr.api("POST", "/certificates", pair.body(**more))
    assert answer.status == expect, answer
    return answer.json


def get(weldr, name):
    answer = weldr.api("GET", f"/certificates/{name}")
    assert answer.status == 200, answer
    return answer.json


def names(weldr):
    return [c["name"] for c in weldr.api("GET", "/certificates").json["certificates"]]


def stamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.mark.smoke
def test_life_of_a_certificate(weldr, root):
    assert names(weldr) == []
    end = t.now() + datetime.timedelta(days=90, hours=12)  # days_left stays the same during the test
    pair = root.issue("shop.example", "*.shop.example", "10.1.2.3", not_after=end)
    answer = weldr.api("POST", "/certificates", pair.body(name="shop"))
    assert (answer.status, answer.get("Location")) == (201, "/certificates/shop"), answer
    shown = answer.json
    assert shown["id"].startswith("c-") and shown["name"] == "shop" and shown["source"] == "api"
    assert shown["names"] == ["shop.example", "*.shop.example", "10.1.2.3"]
    assert (shown["key_type"], shown["key_bits"]) == ("ecdsa", 256)
    assert shown["fingerprint"] == pair.fingerprint and shown["subject"] == "CN=shop.example" and "weldr tests" in shown["issuer"]
    assert shown["serial"] == t.openssl("x509", "-in", pair.chain_path, "-noout", "-serial").decode().strip().split("=")[1].lower()
    left = stamp(shown["not_after"]) - t.now()
    assert shown["days_left"] == 90 and datetime.timedelta(days=90) < left < datetime.timedelta(days=91)
    assert stamp(shown["not_before"]) < t.now()
    assert shown["chain"] == pair.chain and shown["warning"] is None and shown["listeners"] == [] and shown["pools"] == []
    assert "key" not in shown and "ocsp" not in shown
    assert get(weldr, "shop") == get(weldr, shown["id"]) == shown
    listed = weldr.api("GET", "/certificates").json["certificates"]
    assert listed == [{key: value for key, value in shown.items() if key != "chain"}]
    answer = weldr.api("DELETE", "/certificates/shop")
    assert (answer.status, answer.json) == (200, {"removed": "/certificates/shop"})
    assert names(weldr) == []
    is_problem(weldr.api("GET", "/certificates/shop"), 404, "not_found")
    is_problem(weldr.api("DELETE", "/certificates/shop"), 404, "not_found")
    told = [event for event in weldr.api("GET", "/events?since=0").json["events"] if "certificate" in event]
    assert [(e["kind"], e["certificate"]) for e in told] == [("certificate_added", "shop"), ("certificate_removed", "shop")]
    assert weldr.api("GET", "/").json["links"].count({"rel": "certificates", "href": "/certificates", "method": "GET"}) == 1


def test_one_without_a_name_has_its_id(weldr, root):
    shown = post(weldr, root.issue("a.test"))
    assert shown["name"] == shown["id"]
    assert get(weldr, shown["id"]) == shown
    assert post(weldr, root.issue("b.test"))["id"] != shown["id"]
    is_problem(weldr.api("POST", "/certificates", root.issue("c.test").body(name=shown["id"])), 422, "invalid_value", "name")
    is_problem(weldr.api("PUT", "/certificates/c-ffff", root.issue("c.test").body()), 404, "not_found")
    assert weldr.api("DELETE", f"/certificates/{shown['id']}").status == 200


def test_the_same_again_changes_nothing(weldr, root):
    named, nameless = root.issue("a.test"), root.issue("b.test")
    first, second = post(weldr, named, name="a"), post(weldr, nameless)
    revision = weldr.api("GET", "/pools/default").json["revision"]
    assert post(weldr, named, expect=200, name="a")["id"] == first["id"]
    assert post(weldr, nameless, expect=200)["id"] == second["id"]
    assert weldr.api("PUT", "/certificates/a", named.body()).status == 200
    assert weldr.api("GET", "/pools/default").json["revision"] == revision
    is_problem(weldr.api("POST", "/certificates", nameless.body(name="a")), 409, "exists")
    is_problem(weldr.api("POST", "/certificates", nameless.body(ocsp=nameless.ocsp_text())), 409, "exists")
    assert get(weldr, "a")["fingerprint"] == named.fingerprint


def test_put_replaces_in_place(weldr, root):
    first, second = root.issue("a.test"), root.issue("a.test", again=1)
    before = post(weldr, first, name="a")
    answer = weldr.api("PUT", "/certificates/a", second.body())
    assert answer.status == 200 and answer.json["id"] == before["id"] and answer.json["name"] == "a"
    assert answer.json["fingerprint"] == second.fingerprint and answer.json["chain"] == second.chain
    assert weldr.api("PUT", f"/certificates/{before['id']}", first.body(name="a")).json["fingerprint"] == first.fingerprint
    answer = weldr.api("PUT", "/certificates/new", second.body())
    assert (answer.status, answer.get("Location"), answer.json["name"]) == (201, "/certificates/new", "new")
    is_problem(weldr.api("PUT", "/certificates/a", second.body(name="b")), 422, "read_only", "name")
    nameless = post(weldr, root.issue("b.test"))
    other = root.issue("b.test", again=1)
    answer = weldr.api("PUT", f"/certificates/{nameless['id']}", {**nameless, **other.body()})  # what GET has shown, edited
    assert (answer.status, answer.json["id"], answer.json["fingerprint"]) == (200, nameless["id"], other.fingerprint)
    assert answer.json["name"] == nameless["id"]
    wrong = {"chain": second.chain, "key": first.key}
    is_problem(weldr.api("PUT", "/certificates/a", wrong), 422, "invalid_value", "key")
    assert get(weldr, "a")["fingerprint"] == first.fingerprint


def test_a_common_name_is_no_name(weldr, root):
    """Clients don't go by it (RFC 9110 section 4.3.4); what a pool shows to its servers needs no name."""
    is_problem(weldr.api("POST", "/certificates", root.issue(subject="/CN=shop.test").body()), 422, "invalid_value", "chain")
    pair = root.issue(subject="/CN=shop.test", client=True)
    shown = post(weldr, pair, name="mine")
    assert (shown["names"], shown["subject"]) == ([], "CN=shop.test")
    weldr.patch_pool({"tls": {"certificate": "mine"}})
    weldr.patch_listener({"protocol": "https"})  # there is no other one for anybody
    with socket.create_connection(weldr.address, timeout=15) as clear:
        with t.trusting(None).wrap_socket(clear, server_hostname="shop.test") as client:
            assert client.getpeercert(True) == pair.der
    weldr.patch_listener({"tls": {"strict_sni": True}})
    with socket.create_connection(weldr.address, timeout=15) as clear:
        with pytest.raises(ssl.SSLError):
            t.trusting(None).wrap_socket(clear, server_hostname="shop.test")


def test_tags_guard_it(weldr, root):
    first, second = root.issue("a.test"), root.issue("a.test", again=1)
    tag = weldr.api("POST", "/certificates", first.body(name="a")).get("ETag")
    assert weldr.api("GET", "/certificates/a").get("ETag") == tag
    assert weldr.api("GET", "/certificates/a", headers={"If-None-Match": tag}).status == 304
    answer = weldr.api("PUT", "/certificates/a", second.body(), headers={"If-Match": tag})
    assert answer.status == 200 and answer.get("ETag") != tag
    is_problem(weldr.api("PUT", "/certificates/a", first.body(), headers={"If-Match": tag}), 412, "precondition_failed")
    is_problem(weldr.api("DELETE", "/certificates/a", headers={"If-Match": tag}), 412, "precondition_failed")
    is_problem(weldr.api("PUT", "/certificates/a", first.body(), headers={"If-None-Match": "*"}), 412, "precondition_failed")
    assert weldr.api("DELETE", "/certificates/a", headers={"If-Match": answer.get("ETag")}).status == 200


def test_dry_run_changes_nothing(weldr, root):
    pair = root.issue("a.test")
    assert weldr.api("POST", "/certificates?dry_run=true", pair.body(name="a")).json == {"dry_run": True, "change": "add certificate"}
    is_problem(weldr.api("POST", "/certificates?dry_run=true", {"chain": pair.chain, "key": "?"}), 422, "invalid_value", "key")
    assert names(weldr) == []
    post(weldr, pair, name="a")
    assert weldr.api("POST", "/certificates?dry_run=true", pair.body(name="a")).json == {"dry_run": True, "change": "nothing"}
    assert weldr.api("DELETE", "/certificates/a?dry_run=true").json == {"dry_run": True, "change": "remove certificate"}
    assert names(weldr) == ["a"]


def test_what_is_not_right_is_refused_with_its_field(weldr, root):
    pair, other = root.issue("a.test"), root.issue("b.test")
    expired = t.expired(root, "a.test")
    cases = [
        ({"key": pair.key}, "missing_field", "chain", "chain"),
        ({"chain": pair.chain}, "missing_field", "key", "key"),
        ({"chain": 5, "key": pair.key}, "invalid_value", "chain", "text"),
        ({"chain": "", "key": pair.key}, "invalid_value", "chain", ""),
        ({"chain": "hello", "key": pair.key}, "invalid_value", "chain", ""),
        ({"chain": pair.chain, "key": "hello"}, "invalid_value", "key", ""),
        ({"chain": pair.chain, "key": other.key}, "invalid_value", "key", ""),
        ({"chain": pair.chain, "key": pair.encrypted_key()}, "invalid_value", "key", "openssl"),
        (root.issue("a.test", key="rsa1024").body(), "invalid_value", None, "2048"),
        (root.issue("a.test", digest="sha1").body(), "invalid_value", "chain", "SHA-1"),
        (root.issue().body(), "invalid_value", "chain", "name"),
        (pair.body(chain=pair.chain + other.chain), "invalid_value", "chain", ""),
        (expired.body(), "invalid_value", "chain", "has expired: it was valid until " + expired_at(expired)),
        (pair.body(ocsp="no base64!"), "invalid_value", "ocsp", "base64"),
        (pair.body(ocsp="AB=="), "invalid_value", "ocsp", "base64"),
        (pair.body(ocsp="AAAA"), "invalid_value", "ocsp", "no OCSP response"),
        (pair.body(ocsp=other.ocsp_text()), "invalid_value", "ocsp", "another certificate"),
        (pair.body(ocsp=pair.ocsp_text_of_before()), "invalid_value", "ocsp", "is over: a new one was due at 2020-"),
        (pair.body(name="a b"), "invalid_value", "name", ""),
        (pair.body(colour="a"), "unknown_key", "colour", "colour"),
    ]
    for body, code, field, word in cases:
        answer = weldr.api("POST", "/certificates", body)
        assert (answer.status, answer.json["code"]) == (422, code), (answer, word)
        assert field is None or answer.json["field"] == field, answer
        assert word in answer.json["detail"], answer
        assert not any(line in answer.text for line in str(body.get("key")).splitlines()[1:-1]), answer
    is_problem(weldr.api("POST", "/certificates", "{"), 400, "invalid_json")
    assert names(weldr) == []


def expired_at(pair):
    text = t.openssl("x509", "-in", pair.chain_path, "-noout", "-enddate").decode().strip().split("=")[1]
    return datetime.datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_what_is_right_in_any_form_is_taken(weldr, root):
    deep = root.intermediate("one").intermediate("two").issue("deep.test")
    parts = ["-----BEGIN" + part for part in deep.chain.split("-----BEGIN")[1:]]
    unsorted = parts[0] + "".join(reversed(parts[1:]))
    many = root.issue(*[f"n{n}.many.test" for n in range(64)])
    cases = [
        ("plain", root.issue("a.test").body(), "ecdsa"),
        ("unsorted", deep.body(chain=unsorted), "ecdsa"),
        ("crlf", deep.body(chain=deep.chain.replace("\n", "\r\n"), key=deep.key.replace("\n", "\r\n")), "ecdsa"),
        ("bom", deep.body(chain="\ufeff" + deep.chain), "ecdsa"),
        ("root", deep.body(chain=deep.chain + root.pem), "ecdsa"),
        ("traditional", deep.body(key=deep.traditional_key()), "ecdsa"),
        ("rsa", root.issue("a.test", key="rsa").body(), "rsa"),
        ("rsa4096", root.issue("a.test", key="rsa4096").body(), "rsa"),
        ("ed25519", root.issue("a.test", key="ed25519").body(), "ed25519"),
        ("many", many.body(), "ecdsa"),
        ("ocsp", deep.body(ocsp=deep.ocsp_text()), "ecdsa"),
    ]
    for name, body, key_type in cases:
        answer = weldr.api("POST", "/certificates", {**body, "name": name})
        assert answer.status == 201, (name, answer)
        assert answer.json["key_type"] == key_type, name
    for name in ("unsorted", "crlf", "bom", "root", "traditional"):
        assert get(weldr, name)["chain"] == deep.chain, name
    assert get(weldr, "rsa4096")["key_bits"] == 4096
    assert len(get(weldr, "many")["names"]) == 64
    assert names(weldr) == [name for name, _, _ in cases]


def test_dates_are_warned_of(weldr, root):
    soon, early = t.expiring(root, "soon.test", days=10), t.not_yet(root, "early.test")
    shown = post(weldr, soon, name="soon")
    assert (shown["days_left"], shown["warning"]) == (10, f"it expires in 10 days, at {expired_at(soon)}")
    (line,) = weldr.wait_log(msg="certificate needs to be looked at", certificate="soon")
    assert line["reason"] == shown["warning"] and line["level"] == "warn"
    assert post(weldr, early, name="early")["warning"].startswith("it is not valid before ")
    weldr.wait_log(msg="certificate needs to be looked at", certificate="early")
    assert post(weldr, root.issue("fine.test"), name="fine")["warning"] is None
    assert not weldr.lines(msg="certificate needs to be looked at", certificate="fine")


def test_metrics_tell_when_each_ends(weldr, root):
    shown = post(weldr, root.issue("a.test"), name="a")
    end = int(stamp(shown["not_after"]).timestamp())
    text = weldr.api("GET", "/metrics").text
    assert f'weldr_certificate_not_after_timestamp_seconds{{certificate="a"}} {end}\n' in text


def https(weldr, port, name="secure", **tls):
    answer = weldr.api("POST", "/listeners", {"name": name, "addresses": [port.text], "protocol": "https", "tls": tls})
    assert answer.status == 201, answer


@pytest.fixture
def port():
    return Port()


def shown_to(address, name):
    """The certificate that a client gets who asks for this name."""
    with t.trusting(None).wrap_socket(socket.create_connection(address, timeout=15), server_hostname=name) as client:
        return client.getpeercert(True)


def test_listeners_say_what_they_use(weldr, root, port):
    is_problem(weldr.api("POST", "/listeners", {"name": "x", "addresses": [port.text], "protocol": "https"}), 409, "no_certificate")
    post(weldr, root.issue("a.test"), name="a")
    https(weldr, port)
    assert get(weldr, "a")["listeners"] == ["secure"]
    is_problem(weldr.api("DELETE", "/certificates/a"), 409, "in_use")
    post(weldr, root.issue("b.test"), name="b")
    https(weldr, Port(), "one", certificates=["b"])
    assert get(weldr, "a")["listeners"] == ["secure"] and get(weldr, "b")["listeners"] == ["secure", "one"]
    is_problem(weldr.api("DELETE", "/certificates/b"), 409, "in_use")
    assert weldr.api("DELETE", "/certificates/a").status == 200
    assert weldr.api("DELETE", "/listeners/one").status == 200
    assert weldr.api("DELETE", "/listeners/secure").status == 200
    assert weldr.api("DELETE", "/certificates/b").status == 200


@pytest.mark.smoke
def test_the_next_handshake_has_the_new_one(lab, root, port):
    """After each response, in each of the workers: connections are spread over them by the kernel."""
    weldr = lab.weldr(workers=2)
    pairs = [root.issue("a.test", again=n) for n in range(3)]
    post(weldr, pairs[0], name="a")
    https(weldr, port)
    for n in range(1, 13):
        assert weldr.api("PUT", "/certificates/a", pairs[n % 3].body()).status == 200
        for _ in range(8):
            assert shown_to(port.address, "a.test") == pairs[n % 3].der
    other = root.issue("other.test")
    post(weldr, other, name="other")
    assert shown_to(port.address, "other.test") == other.der
    assert weldr.api("DELETE", "/certificates/other").status == 200
    assert shown_to(port.address, "other.test") == pairs[0].der


def test_all_workers_have_what_was_added(lab, root):
    weldr = lab.weldr(workers=2)
    for n in range(20):
        post(weldr, root.issue(f"w{n % 4}.test"), name=f"c{n}")
    workers = weldr.workers()
    assert len({worker["digest"] for worker in workers}) == 1 and len(workers) == 2
