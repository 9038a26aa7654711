"""HTTPS with clients and servers of other people that every machine has; the heavy ones are in test_clients_more.py."""

import http.server
import subprocess
import threading

import pytest

from conversation import CLIENTS, ECHO, LARGE, RIGHT, Talk, run, said
from sides import secure

NODE = CLIENTS / "serve.mjs"


# ---- clients

@pytest.mark.smoke
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl(lab, tmp_path, version):
    talk = Talk(lab, tmp_path)
    (tmp_path / "e").write_bytes(ECHO)
    curl = ("curl", "-sS", "--fail", "--cacert", talk.authority, f"--tlsv{version}", "--tls-max", version)
    assert said(*curl, *[talk.url() + "/hello"] * 20) == "hello" * 20
    assert run(*curl, "--data-binary", f"@{tmp_path}/e", talk.url() + "/echo").stdout == ECHO
    assert run(*curl, talk.url() + "/large").stdout == LARGE
    assert said(*curl, "-o", "/dev/null", "-w", "%{ssl_verify_result} %{num_connects} %{http_code}", talk.url() + "/hello") == "0 1 200"
    lines = talk.assert_served(23)
    assert {line["tls_version"] for line in lines} == {"TLSv" + version} and {line["tls_name"] for line in lines} == {"localhost"}


def test_curl_keeps_its_connection_and_its_session(lab, tmp_path):
    talk = Talk(lab, tmp_path)
    connects = said("curl", "-sS", "--cacert", talk.authority, "-w", "%{num_connects} ", *["-o", "/dev/null", talk.url() + "/hello"] * 5)
    assert connects.split() == ["1", "0", "0", "0", "0"]
    closing = ("curl", "-sS", "--cacert", talk.authority, "-H", "Connection: close", *["-o", "/dev/null", talk.url() + "/hello"] * 5)
    run(*closing)
    assert [line["tls_resumed"] for line in talk.assert_served(10)][5:] == [False] + [True] * 4


def test_curl_refuses_who_it_does_not_know(lab, tmp_path):
    """A name that the certificate has not, and an authority that the client does not trust."""
    talk = Talk(lab, tmp_path)
    name = run("curl", "-sS", "--cacert", talk.authority, "--resolve", f"c:{talk.port}:127.0.0.1", talk.url("c"), is_right=False)
    unknown = run("curl", "-sS", talk.url(), is_right=False)
    assert (name.returncode, unknown.returncode) == (60, 60), (name, unknown)


def test_wget(lab, tmp_path):
    talk = Talk(lab, tmp_path)
    (tmp_path / "e").write_bytes(ECHO)
    wget = ("wget", "-q", "-O", "-", f"--ca-certificate={talk.authority}")
    assert said(*wget, *[talk.url() + "/hello"] * 21) == "hello" * 21
    assert run(*wget, f"--post-file={tmp_path}/e", talk.url() + "/echo").stdout == ECHO
    assert run(*wget, talk.url() + "/large").stdout == LARGE
    talk.assert_served()


def test_python(lab, tmp_path):
    talk = Talk(lab, tmp_path)
    assert said("/usr/bin/python3", CLIENTS / "with_urllib.py", talk.url(), talk.authority) == RIGHT
    talk.assert_served()


def test_node(lab, tmp_path):
    talk = Talk(lab, tmp_path)
    assert said("node", CLIENTS / "fetch.mjs", talk.url(), env={"NODE_EXTRA_CA_CERTS": talk.authority}) == RIGHT
    talk.assert_served()


@pytest.mark.smoke
@pytest.mark.parametrize("version", ["1_2", "1_3"])
def test_openssl_s_client(lab, tmp_path, version):
    """Two connections: the second one resumes what the first one got."""
    talk = Talk(lab, tmp_path)
    session = tmp_path / "session"
    client = ("openssl", "s_client", "-connect", f"127.0.0.1:{talk.port}", "-servername", "localhost", "-CAfile", talk.authority,
              "-verify_return_error", "-verify_hostname", "localhost", f"-tls{version}", "-ign_eof")
    request = b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    first = said(*client, "-sess_out", session, input=request)
    second = said(*client, "-sess_in", session, input=request)
    for text in (first, second):
        assert "\r\n\r\nhello" in text and "Verify return code: 0 (ok)" in text, text
    assert "New, TLSv" in first and "Reused, TLSv" in second, second
    assert [line["tls_resumed"] for line in talk.assert_served(2)] == [False, True]


# ---- servers

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        answer = f"{self.command} {self.path} {len(body)}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *unused):
        pass


def assert_answers(weldr, count=30):
    client = weldr.connect()
    for number in range(count):
        body = b"x" * (number * 1000)
        answer = client.ask("POST", f"/{number}", fields=[("Content-Length", str(len(body)))], body=body)
        assert (answer.status, answer.text) == (200, f"POST /{number} {len(body)}")
    assert weldr.ask(target="/once").text == "GET /once 0"


@pytest.mark.smoke
def test_server_in_python(lab):
    weldr = lab.weldr(env=secure().environment)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = secure().server.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"https://127.0.0.1:{server.server_address[1]}"
        weldr.add(url)
        assert_answers(weldr)
        weldr.api("PUT", "/servers", {"servers": []})  # its idle connections end: the library lets them stay
        assert weldr.server(url) is None
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.smoke
def test_server_in_node(lab):
    weldr = lab.weldr(env=secure().environment)
    pair = secure().pair
    with subprocess.Popen(["node", NODE, pair.chain_path, pair.key_path], stdout=subprocess.PIPE, text=True) as server:
        try:
            weldr.add(f"https://127.0.0.1:{int(server.stdout.readline())}")
            assert_answers(weldr)
        finally:
            server.kill()
