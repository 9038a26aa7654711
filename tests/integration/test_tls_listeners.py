"""Listeners of protocol https: which certificate a client gets, how handshakes fail, what servers and logs are told of TLS."""

import json
import os
import re
import socket
import ssl
import threading

import pytest

import origins as o
import tls_files as t
from ports import Port
from rawhttp import Client, wait_until
from test_access_log import wait_entries
from tls_socket import ask_server
from weldr import is_alive

NAME = "a.test"


@pytest.fixture(scope="module")
def root():
    return t.authority()


def post(weldr, pair, name):
    answer = weldr.api("POST", "/certificates", pair.body(name=name))
    assert answer.status == 201, answer


def put(weldr, name, pair):
    answer = weldr.api("PUT", f"/certificates/{name}", pair.body())
    assert answer.status == 200, answer


def add_listener(weldr, name, **tls):
    """A listener with TLS at a port of its own."""
    port = Port()
    answer = weldr.api("POST", "/listeners", {"name": name, "addresses": [port.text], "protocol": "https", "tls": tls})
    assert answer.status == 201, answer
    return port


def change(weldr, name, **tls):
    answer = weldr.api("PATCH", f"/listeners/{name}", {"tls": tls})
    assert answer.status == 200, answer


def anybody(**more):
    """A client that believes everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for key, value in more.items():
        setattr(context, key, value)
    return context


def shake(port, context=None, name=NAME, session=None):
    """A connection whose handshake is over."""
    sock = socket.create_connection(port.address, timeout=10)
    try:
        return (context or anybody()).wrap_socket(sock, server_hostname=name, session=session)
    except BaseException:
        sock.close()
        raise


def shown(port, name=NAME, **more):
    """The certificate that a client gets."""
    with shake(port, name=name, **more) as tls:
        return tls.getpeercert(True)


def ask(tls, target="/", fields=""):
    tls.sendall(f"GET {target} HTTP/1.1\r\nHost: {NAME}\r\n{fields}\r\n".encode())
    got = b""
    while b"\r\n\r\n" not in got:
        piece = tls.recv(65536)
        assert piece, got
        got += piece
    return got.decode()


def failures(weldr):
    return {reason: n for reason, n in weldr.stats()["tls_failures"].items() if n}


@pytest.fixture
def front(lab, root):
    """A weldr with a server, two certificates and a listener "https" at a port."""
    weldr, origin = lab.run(o.hello)
    weldr.pair = root.issue(NAME, "*.a.test")
    post(weldr, weldr.pair, "a")
    post(weldr, root.issue("b.test"), "b")
    weldr.port = add_listener(weldr, "https")
    weldr.origin = origin
    return weldr


@pytest.mark.smoke
def test_https(front, root):
    trusting = ssl.create_default_context(cafile=root.path)
    with shake(front.port, trusting) as tls:
        assert tls.version() == "TLSv1.3"
        for _ in range(3):
            assert ask(tls).startswith("HTTP/1.1 200 ")
    seen = dict(front.origin.last().fields)
    assert seen["X-Forwarded-Proto"] == "https" and seen["X-Forwarded-Host"] == NAME
    old = ssl.create_default_context(cafile=root.path)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with shake(front.port, old) as tls:
        assert tls.version() == "TLSv1.2" and ask(tls).startswith("HTTP/1.1 200 ")
    counts = front.stats()["listeners"]["https"]
    assert (counts["tls_handshakes"], counts["tls_failed"], counts["connections"]) == (2, 0, 2) and failures(front) == {}


@pytest.mark.smoke
def test_requests_and_the_end_at_once(front):
    """What a client has asked before its end is answered, all of it."""
    with socket.create_connection(front.port.address, timeout=10) as bare:
        client = ask_server(bare, anybody(), NAME)
        client.send_last(b"".join(b"GET /%d HTTP/1.1\r\nHost: a.test\r\n\r\n" % n for n in range(3)))
        got = b""
        while piece := client.recv(65536):
            got += piece
    assert got.count(b"HTTP/1.1 200 ") == 3, got
    assert [seen.target for seen in front.origin.requests] == ["/0", "/1", "/2"]


def test_names(front, root):
    """Exact before a wildcard, one label for its "*"; the oldest for whoever asks for nothing that is there."""
    exact = root.issue("x.a.test")
    post(front, exact, "x")
    assert shown(front.port, "x.a.test") == exact.der
    for name in (NAME, "y.a.test", "X.A.TEST.y.test", None, "z.y.a.test"):
        assert shown(front.port, name) == front.pair.der, name
    change(front, "https", strict_sni=True)
    for name in (None, "other.test", "z.y.a.test"):
        with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
            shake(front.port, name=name)
    assert shown(front.port, "y.a.test") == front.pair.der
    assert failures(front) == {"unrecognized_name": 3} and front.stats()["listeners"]["https"]["tls_failed"] == 3
    change(front, "https", strict_sni=False, default_certificate="b", certificates=["x", "b"])
    assert shown(front.port, "x.a.test") == exact.der
    assert shown(front.port, NAME) != front.pair.der  # b's, since a is not of its certificates


def test_both_kinds_of_keys_for_one_name(front, root):
    rsa = root.issue(NAME, key="rsa")
    post(front, rsa, "rsa")
    old = anybody(maximum_version=ssl.TLSVersion.TLSv1_2)
    for ciphers, der in (("ECDHE-RSA-AES128-GCM-SHA256", rsa.der), ("ECDHE-ECDSA-AES128-GCM-SHA256", front.pair.der)):
        old.set_ciphers(ciphers)
        assert shown(front.port, context=old) == der


def stapled(port, version):
    """What the openssl command says of the OCSP response that it got."""
    said = t.openssl("s_client", "-connect", port.text, "-servername", NAME, "-status", version, input=b"").decode(errors="replace")
    assert "CONNECTED" in said
    return said[said.index("OCSP response:"):].split("---")[0]


def test_a_staple_is_sent_until_it_is_replaced(lab, root):
    """From the API by way of a worker to a client that asks for it."""
    weldr, pair, plain = lab.weldr(workers=2), root.issue(NAME), root.issue("b.test")
    assert weldr.api("POST", "/certificates", pair.body(name="a", ocsp=pair.ocsp_text())).status == 201
    post(weldr, plain, "b")
    port = add_listener(weldr, "one", default_certificate="b")
    for version in ("-tls1_2", "-tls1_3"):
        said = stapled(port, version)
        assert "OCSP Response Status: successful" in said and "Cert Status: good" in said, said
        serial = t.openssl("x509", "-in", pair.certificate_path, "-noout", "-serial").decode().strip().split("=")[1]
        assert "Serial Number: " + serial in said, said
    put(weldr, "a", pair)
    assert "no response sent" in stapled(port, "-tls1_3")


def test_replaced_certificates_are_for_the_next_handshake(lab, root):
    """In all workers, while connections that are there go on."""
    weldr, _ = lab.run(o.hello, workers=2)
    pair = root.issue(NAME)
    post(weldr, pair, "a")
    port = add_listener(weldr, "https")
    old = [shake(port) for _ in range(8)]
    assert all(tls.getpeercert(True) == pair.der for tls in old)
    for again in range(1, 4):
        pair = root.issue(NAME, again=again)
        put(weldr, "a", pair)
        assert all(shown(port) == pair.der for _ in range(8))
    for tls in old:
        assert ask(tls).startswith("HTTP/1.1 200 ")
        tls.close()


def test_a_certificate_that_goes(front, root):
    second = root.issue(NAME, again=1)
    post(front, second, "second")
    assert shown(front.port) in (second.der, front.pair.der)
    answer = front.api("DELETE", "/certificates/a")
    assert answer.status == 200, answer
    assert shown(front.port) == second.der


def test_resumption(lab, root):
    """By a ticket of any worker, of one that was killed, and of a certificate that has been replaced."""
    weldr, _ = lab.run(o.hello, workers=2)
    post(weldr, root.issue(NAME), "a")
    port = add_listener(weldr, "https")
    context = anybody(maximum_version=ssl.TLSVersion.TLSv1_2)  # Python has the session of 1.2 right behind the handshake
    with shake(port, context) as tls:
        session = tls.session
        assert ask(tls).startswith("HTTP/1.1 200 ")

    def is_resumed():
        with shake(port, context, session=session) as tls:
            return tls.session_reused and ask(tls).startswith("HTTP/1.1 200 ")
    assert all(is_resumed() for _ in range(12))
    put(weldr, "a", root.issue(NAME, again=1))
    assert is_resumed()
    for pid in weldr.worker_pids():
        os.kill(pid, 9)
        wait_until(lambda: not is_alive(pid), 10, "the worker is gone")
    weldr.wait_workers(2)
    assert all(is_resumed() for _ in range(4))
    assert weldr.stats()["listeners"]["https"]["tls_resumed"] == 17
    # Whoever trusts others than before does not know those any more.
    change(weldr, "https", client_certificate="optional", client_ca=root.pem)
    assert not is_resumed()


def test_client_certificates(front, root):
    change(front, "https", client_certificate="require", client_ca=root.pem)
    known, stranger = root.issue("me.test", client=True), t.authority("other").issue("me.test", client=True)
    context = anybody()
    context.load_cert_chain(known.chain_path, known.key_path)
    lies = "X-Client-Cert-Subject: CN=root\r\nx_client_cert_san: DNS:root\r\nX-Client-Cert-Verified: 1\r\n"
    with shake(front.port, context) as tls:
        assert ask(tls, fields=lies).startswith("HTTP/1.1 200 ")
    fields = [(name, value) for name, value in front.origin.last().fields if "client" in name.lower()]
    assert sorted(fields) == [("X-Client-Cert-Fingerprint", known.fingerprint), ("X-Client-Cert-San", "DNS:me.test"),
                              ("X-Client-Cert-Subject", "CN=me.test")]
    for pair, reason in ((None, "CERTIFICATE_REQUIRED"), (stranger, "UNKNOWN_CA")):
        context = anybody()
        if pair:
            context.load_cert_chain(pair.chain_path, pair.key_path)
        with pytest.raises(ssl.SSLError, match=reason):
            with shake(front.port, context) as tls:  # with TLS 1.3 the client hears of it behind its handshake
                tls.recv(1)
    assert failures(front) == {"client_certificate": 2}
    change(front, "https", client_certificate="optional")
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):  # what is shown is verified: the fields need no word about that
        with shake(front.port, context) as tls:
            tls.recv(1)
    with shake(front.port) as tls:
        assert ask(tls).startswith("HTTP/1.1 200 ")
    assert not [name for name, _ in front.origin.last().fields if "client" in name.lower()]


def test_fields_of_clients_in_clear_go_too(front):
    fields = [("X-Client-Cert-Subject", "CN=root"), ("X_CLIENT_CERT_FINGERPRINT", "00"), ("X-Client", "stays")]
    assert front.ask(fields=fields).status == 200
    assert [name for name, _ in front.origin.last().fields if "client" in name.lower()] == ["X-Client"]


def test_plain_http(front):
    with Client(front.port.address) as client:
        answer = client.ask()
    assert answer.status == 400 and answer.get("Weldr-Error") == "plain_http" and "HTTPS" in answer.body.decode()
    with socket.create_connection(front.port.address) as sock:
        sock.sendall(b"\x00\x01\x02")
        assert sock.recv(100) == b""
    assert failures(front) == {"not_tls": 2} and front.stats()["results"]["plain_http"] == 1


def test_versions(front):
    change(front, "https", profile="modern")
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        shake(front.port, anybody(maximum_version=ssl.TLSVersion.TLSv1_2))
    assert failures(front) == {"unshared": 1}
    with shake(front.port) as tls:
        assert tls.version() == "TLSv1.3"


def test_time_limit(front):
    change(front, "https", handshake_ms=100)
    with socket.create_connection(front.port.address, timeout=10) as sock:
        sock.sendall(b"\x16\x03\x01")
        assert sock.recv(1) == b""
    assert failures(front) == {"timeout": 1}


def test_clients_that_believe_nobody(front):
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(front.port, ssl.create_default_context())
    wait_until(lambda: failures(front) == {"alert": 1}, 10, "the alert counts")


def test_hsts_and_redirect(front):
    change(front, "https", hsts_max_age_s=31536000, hsts_include_subdomains=True)
    with shake(front.port) as tls:
        assert "\r\nStrict-Transport-Security: max-age=31536000; includeSubDomains\r\n" in ask(tls)
    assert front.ask().get("Strict-Transport-Security") is None
    front.patch_listener({"tls": {"redirect": True}})
    answer = front.ask("POST", "/a?b=c", fields=[("Content-Length", "0")], host=f"{NAME}:8080")
    assert (answer.status, answer.get("Location")) == (308, f"https://{NAME}/a?b=c")
    assert front.stats()["results"]["redirect"] == 1 and front.stats()["listeners"]["default"]["redirects"] == 1


def test_access_log_and_metrics(lab, root, tmp_path):
    path = str(tmp_path / "access.log")
    weldr = lab.weldr("--access-log", path)
    weldr.add(lab.origin(o.hello))
    post(weldr, root.issue(NAME), "a")
    port = add_listener(weldr, "https")
    assert weldr.ask().status == 200
    with shake(port) as tls:
        assert ask(tls).startswith("HTTP/1.1 200 ")
    with shake(port, anybody(maximum_version=ssl.TLSVersion.TLSv1_2), name=None) as tls:
        assert ask(tls).startswith("HTTP/1.1 200 ")
        cipher = tls.cipher()[0]
    plain, first, second = wait_entries(path, 3)
    assert not [key for key in plain if key.startswith("tls")]
    assert (first["tls_version"], first["tls_name"], first["tls_resumed"]) == ("TLSv1.3", NAME, False)
    assert first["tls_cipher"].startswith("TLS_")
    assert (second["tls_version"], second["tls_name"], second["tls_cipher"]) == ("TLSv1.2", None, cipher)
    text = weldr.api("GET", "/metrics").text
    assert 'weldr_listener_tls_handshakes_total{listener="https"} 2' in text
    for entry in (first, second):
        assert 'weldr_tls_handshakes_total{version="%s",cipher="%s"} 1\n' % (entry["tls_version"], entry["tls_cipher"]) in text
    assert len(re.findall(r"^weldr_tls_handshakes_total\{.*\} 0$", text, re.MULTILINE)) == 8, "each other one that may be"
    assert "\nweldr_tls_handshake_seconds_count 2\n" in text and 'weldr_tls_failures_total{reason="cut"} 0' in text


def test_behind_a_proxy_header(front):
    port = Port()
    answer = front.api("POST", "/listeners", {"name": "behind", "addresses": [port.text], "protocol": "https", "proxy_protocol": True,
                                              "trusted_proxies": ["127.0.0.1"]})
    assert answer.status == 201, answer
    sock = socket.create_connection(port.address, timeout=10)
    sock.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 443\r\n")
    with anybody().wrap_socket(sock, server_hostname=NAME) as tls:
        assert ask(tls).startswith("HTTP/1.1 200 ")
    seen = dict(front.origin.last().fields)
    assert (seen["X-Forwarded-For"], seen["X-Forwarded-Proto"]) == ("192.0.2.7", "https")


def test_many_connections_over_workers(lab, root):
    """Accepted by one worker and passed on to another, they shake hands there."""
    weldr, _ = lab.run(o.hello, workers=3)
    post(weldr, root.issue(NAME), "a")
    port = add_listener(weldr, "https")
    held, broken = [], []

    def hold():
        try:
            for _ in range(15):
                tls = shake(port)
                assert ask(tls).startswith("HTTP/1.1 200 ")
                held.append(tls)
        except (AssertionError, OSError) as error:
            broken.append(error)
    threads = [threading.Thread(target=hold) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not broken and len(held) == 45
    assert all(worker["connections"] > 5 for worker in weldr.workers()), json.dumps(weldr.workers())
    for tls in held:
        tls.close()


def test_drain_says_goodbye(front):
    with shake(front.port) as tls:
        assert ask(tls).startswith("HTTP/1.1 200 ")
        front.signal(15)
        assert tls.recv(1) == b""  # an end without close_notify would be an error
    front.wait_exit()
