"""The management API over TLS: --admin-certificate, and callers that must show certificates (--admin-client-ca)."""

import http.client
import json
import shutil
import signal
import socket
import ssl

import pytest

import tls_files as t
from rawhttp import wait_until
from tls_socket import ask_server
from weldr import run_weldr, split_address

LOCAL = ("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0")


@pytest.fixture
def root():
    return t.authority()


class Api:
    """Calls a weldr's API over TLS, since its own way is in clear."""

    def __init__(self, weldr, context, name="127.0.0.1"):
        self.weldr, self.context, self.name = weldr, context, name

    def connect(self):
        raw = socket.create_connection(self.weldr.admin, timeout=15)
        return self.context.wrap_socket(raw, server_hostname=self.name)

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPSConnection(*self.weldr.admin, timeout=15, context=self.context)
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers or {})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, json.loads(text) if text else None


def start(lab, pair, *flags, **more):
    return start_with(lab, "--admin-certificate", pair.chain_path, "--admin-certificate-key", pair.key_path, *flags, **more)


def start_with(lab, *flags, **more):
    weldr = lab.weldr(*flags, wait=False, **more)
    weldr.wait_log(msg="ready")
    weldr.apis = [split_address(line["address"]) for line in weldr.lines(msg="management API listens, with TLS")]
    return weldr


def shown_certificate(api):
    with api.connect() as connection:
        return connection.getpeercert(True)


@pytest.mark.smoke
def test_the_api_speaks_tls(lab, root):
    pair = root.intermediate().issue("127.0.0.1", "weldr.test")
    weldr = start(lab, pair)
    api = Api(weldr, t.trusting(root))
    status, document = api.ask("POST", "/pools", {"name": "green"})
    assert (status, document["name"]) == (201, "green")
    assert api.ask("GET", "/pools/green")[0] == 200
    assert shown_certificate(api) == pair.der
    assert weldr.lines(msg="management API listens, with TLS")
    with pytest.raises(ssl.SSLCertVerificationError):
        Api(weldr, t.trusting(t.authority("other"))).ask("GET", "/")
    with api.connect() as connection:
        assert connection.version() == "TLSv1.3"


def test_requests_and_the_end_at_once(lab, root):
    weldr = start(lab, root.issue("127.0.0.1"))
    with socket.create_connection(weldr.admin, timeout=15) as bare:
        caller = ask_server(bare, t.trusting(root), "127.0.0.1")
        caller.send_last(b"GET /pools HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        got = b""
        while piece := caller.recv(65536):
            got += piece
    assert got.count(b"HTTP/1.1 200 ") == 3, got


def test_long_documents_and_bodies(lab, root):
    weldr = start(lab, root.issue("127.0.0.1"))
    api = Api(weldr, t.trusting(root))
    servers = [{"url": f"http://127.0.0.1:{port}", "check": {"type": "none"}} for port in range(20001, 20801)]
    status, document = api.ask("PUT", "/servers", {"servers": servers})
    assert (status, document["total"]) == (200, 800)
    assert len(api.ask("GET", "/servers")[1]["servers"]) == 800


def test_callers_show_certificates(lab, root):
    callers = t.authority("callers")
    right, wrong = callers.issue("caller.test", client=True), t.authority("other").issue("caller.test", client=True)
    weldr = start(lab, root.issue("127.0.0.1"), "--admin-client-ca", callers.path, "--admin-token-required", token="sesame-sesame-sesame")
    api = Api(weldr, t.trusting(root, right))
    assert api.ask("GET", "/pools")[0] == 200
    assert api.ask("POST", "/pools", {"name": "green"})[0] == 201, "a certificate stands for a token"
    for context in (t.trusting(root), t.trusting(root, wrong)):
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
            Api(weldr, context).ask("GET", "/pools")


def test_files_are_followed(lab, root, tmp_path):
    first, second = root.issue("127.0.0.1"), root.issue("127.0.0.1", again=1)
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"

    def write(pair):
        shutil.copy(pair.key_path, key)
        shutil.copy(pair.chain_path, chain)

    write(first)
    weldr = start_with(lab, "--admin-certificate", str(chain), "--admin-certificate-key", str(key))
    api = Api(weldr, t.trusting(root))
    with api.connect() as before:
        write(second)
        wait_until(lambda: shown_certificate(api) == second.der, 15, "the new certificate")
        before.sendall(b"GET /pools HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert before.recv(100).startswith(b"HTTP/1.1 200 "), "what was open goes on"
    chain.write_text("nothing\n")
    weldr.wait_log(msg="certificate of the management API stays as it was")
    assert shown_certificate(api) == second.der
    write(first)
    weldr.signal(signal.SIGHUP)
    wait_until(lambda: shown_certificate(api) == first.der, 15, "the first again")


def test_strangers_do_no_harm(lab, root):
    weldr = start(lab, root.issue("127.0.0.1"))
    api = Api(weldr, t.trusting(root))
    for first in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x00" * 100):
        with socket.create_connection(weldr.admin, timeout=15) as raw:
            raw.sendall(first)
            while raw.recv(1000):
                pass
    assert api.ask("GET", "/")[0] == 200


def test_metrics_stay_in_clear(lab, root):
    weldr = start(lab, root.issue("127.0.0.1"), "--metrics-ip", "127.0.0.1:0")
    (line,) = weldr.lines(msg="metrics are served")
    host, port = line["address"].rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=15)
    connection.request("GET", "/metrics")
    assert connection.getresponse().status == 200
    connection.close()


def test_what_is_wrong_ends_the_start(root, tmp_path):
    pair, other = root.issue("127.0.0.1"), root.issue("127.0.0.1", again=1)
    cases = [
        (("--admin-certificate-key", pair.key_path), "--admin-certificate-key needs --admin-certificate FILE"),
        (("--admin-client-ca", root.path), "--admin-client-ca needs --admin-certificate FILE"),
        (("--admin-certificate", str(tmp_path / "none")), f"--admin-certificate {tmp_path}/none: it can't be read"),
        (("--admin-certificate", pair.chain_path, "--admin-certificate-key", other.key_path), f"--admin-certificate-key {other.key_path}: "),
        (("--admin-certificate", pair.one_file(), "--admin-client-ca", pair.key_path), f"--admin-client-ca {pair.key_path}: "),
    ]
    for flags, words in cases:
        result = run_weldr(*LOCAL, *flags)
        lines = result.stderr.splitlines()
        assert result.returncode == 2 and len([line for line in lines if line.startswith("error: ")]) == 1, result
        assert words in result.stderr, result
