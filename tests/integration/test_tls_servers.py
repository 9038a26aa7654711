"""https servers: verified, told apart when they can't be believed, kept and resumed; checks say the same words."""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import threading

import pytest

import origins as o
import tls_files
from exposition import Exposition
from failures import is_problem
from rawhttp import Closed, wait_until
from test_times import black_hole

HOST = "127.0.0.1"


def serving(pair, client_ca=None, versions=None):
    """What an origin needs that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.chain_path, pair.key_path)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca.path)
    if versions is not None:
        context.minimum_version, context.maximum_version = versions
    return context


@pytest.fixture
def root():
    return tls_files.authority()


@pytest.fixture
def weldr(lab, root):
    return lab.weldr(env={"SSL_CERT_FILE": root.path})


def ask(weldr, target="/x", method="GET"):
    with weldr.connect() as connection:
        return connection.ask(method=method, target=target)


def metric(weldr, name):
    """The sum of all that have this name."""
    return sum(Exposition(weldr.api("GET", "/metrics").text).samples[name].values())


def reason_of_down(weldr, origin):
    wait_until(lambda: weldr.server(origin)["state"] == "down", 10, lambda: weldr.server(origin))
    return weldr.server(origin)["last_check"]["error"]


# ---- believed ----


@pytest.mark.smoke
def test_response_comes_over_tls(lab, root, weldr):
    origin = lab.origin(tls=serving(root.issue(HOST)))
    weldr.add(origin, check={"interval_ms": 100})
    first = ask(weldr)
    assert (first.status, first.body) == (200, b"hello")
    assert origin.last("/x").all("Host") == ["test.example"]
    assert "X-Forwarded-Proto" in {name for name, _ in origin.last("/x").fields}
    wait_until(lambda: weldr.server(origin)["last_check"], 10, "checked")
    assert weldr.server(origin)["last_check"]["ok"] and weldr.server(origin)["last_check"]["status"] == 200
    assert weldr.server(origin)["tls"] == {"verify": True}
    assert weldr.lines(msg="authorities for https servers")[0]["roots"] == "1"
    assert origin.tls_errors == []


def test_connections_are_kept(lab, root, weldr):
    origin = lab.origin(tls=serving(root.issue(HOST)))
    weldr.add(origin)
    with weldr.connect() as connection:
        assert [connection.ask(target=f"/{i}").status for i in range(20)] == [200] * 20
    assert origin.accepted == 1


def test_large_bodies_pass_whole(lab, root, weldr):
    origin = lab.origin(o.echo, tls=serving(root.issue(HOST)))
    weldr.add(origin)
    body = bytes(range(256)) * 20000
    with weldr.connect() as connection:
        response = connection.ask(method="POST", target="/echo", fields=[("Content-Length", len(body))], body=body)
    assert response.status == 200 and response.body == body


def test_chain_with_an_intermediate(lab, root, weldr):
    origin = lab.origin(tls=serving(root.intermediate().issue(HOST)))
    weldr.add(origin)
    assert ask(weldr).status == 200


@pytest.mark.parametrize("versions", [(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
                                      (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)], ids=["1.2", "1.3"])
def test_both_versions(lab, root, weldr, versions):
    origin = lab.origin(tls=serving(root.issue(HOST), versions=versions))
    weldr.add(origin)
    assert ask(weldr).status == 200


# ---- not believed ----

class SelfSigned:
    def __init__(self):
        one = tls_files.authority("self-signed")
        self.chain_path, self.key_path = one.path, one.key_path


UNTRUSTED = {
    "expired": (lambda root: tls_files.expired(root, HOST), "certificate_expired"),
    "not yet": (lambda root: tls_files.not_yet(root, HOST), "certificate_not_yet_valid"),
    "name": (lambda root: root.issue("other.test"), "certificate_name"),
    "self-signed": (lambda root: SelfSigned(), "certificate_self_signed"),
    "unknown authority": (lambda root: tls_files.authority("unknown").issue(HOST), "certificate_unknown_ca"),
}


@pytest.mark.parametrize("case", UNTRUSTED)
def test_untrusted_is_told_apart(lab, root, weldr, case):
    make, word = UNTRUSTED[case]
    origin = lab.origin(tls=serving(make(root)))
    weldr.add(origin, check=None)
    response = ask(weldr)
    assert (response.status, response.get("Weldr-Error")) == (502, "origin_tls_untrusted")
    assert response.body == f"The server's certificate is not trusted: {word}.\n".encode()
    assert reason_of_down(weldr, origin) == "origin_tls_untrusted: " + word
    assert origin.requests == []
    assert metric(weldr, "weldr_server_tls_failed_total") >= 1
    assert weldr.stats()["results"]["origin_tls_untrusted"] >= 1


def test_another_server_is_tried(lab, root, tmp_path):
    log = tmp_path / "access.log"
    weldr = lab.weldr("--access-log", str(log), env={"SSL_CERT_FILE": root.path})
    bad, good = lab.origin(tls=serving(tls_files.expired(root, HOST))), lab.origin(tls=serving(root.issue(HOST)))
    for origin in (bad, good):
        weldr.add(origin)
    with weldr.connect() as connection:
        assert [connection.ask(method="POST", target="/x", fields=[("Content-Length", 3)], body=b"abc").status for _ in range(4)] == [200] * 4
    wait_until(lambda: log.exists() and log.read_text().count("\n") == 4, 10, "four lines")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    failed = [attempt for line in lines for attempt in line["attempts"] if attempt["result"] != "ok"]
    assert failed and all((a["result"], a["detail"], a["server"]) == ("origin_tls_untrusted", "certificate_expired", bad.url)
                          for a in failed)
    assert not any("reason" in line for line in lines)


def test_plain_server_at_the_other_end(lab, weldr):
    def refuse(lane):
        lane.sock.recv(65536)
        lane.sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        raise o.Gone("no HTTP")

    url = lab.origin(greet=refuse).url.replace("http:", "https:")
    weldr.add(url, check=None)
    response = ask(weldr)
    assert (response.status, response.get("Weldr-Error")) == (502, "origin_tls_failed")
    assert response.body == b"TLS with the server failed: not_tls.\n"
    assert reason_of_down(weldr, url) == "origin_tls_failed: not_tls"


def test_server_that_goes_within_the_handshake(lab, weldr):
    origin = lab.origin(greet=lambda lane: lane.close())
    url = origin.url.replace("http:", "https:")
    weldr.add(url)
    response = ask(weldr)
    assert (response.status, response.get("Weldr-Error")) == (502, "origin_tls_failed")
    assert response.body == b"TLS with the server failed: closed.\n"


def test_time_to_connect_covers_the_handshake(lab, weldr):
    mute = threading.Event()
    origin = lab.origin(greet=lambda lane: mute.wait(60))
    url = origin.url.replace("http:", "https:")
    weldr.patch_pool({"timeouts": {"connect_ms": 200}})
    weldr.add(url, check={"type": "tcp", "timeout_ms": 200, "interval_ms": 250})
    response = ask(weldr)
    assert (response.status, response.get("Weldr-Error")) == (504, "connect_timeout")
    assert reason_of_down(weldr, url) == "timed out"
    mute.set()


def test_client_certificate_that_is_missing(lab, root, weldr):
    """With TLS 1.3 the server says so behind the handshake."""
    for versions in ((ssl.TLSVersion.TLSv1_2,) * 2, (ssl.TLSVersion.TLSv1_3,) * 2):
        origin = lab.origin(tls=serving(root.issue(HOST), client_ca=root, versions=versions))
        weldr.add(origin)
        response = ask(weldr)
        assert (response.status, response.get("Weldr-Error")) == (502, "origin_tls_failed"), versions
        weldr.api("DELETE", "/servers/" + weldr.server(origin)["id"])


# ---- settings ----


def test_authorities_that_are_missing(lab, root):
    weldr = lab.weldr(env={"SSL_CERT_FILE": "/nowhere"})
    origin = lab.origin(tls=serving(root.issue(HOST)))
    answer = weldr.api("POST", "/servers", {"url": origin.url})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "no_authorities", "url")
    assert "SSL_CERT_FILE" in answer.json["detail"]
    assert weldr.api("PUT", "/servers", {"servers": [{"url": origin.url}]}).json["code"] == "no_authorities"
    weldr.add("http://10.0.0.1")


def test_a_pool_that_would_believe_a_machine_without_authorities(lab, root):
    """It is refused with the change: every request would fail after it."""
    weldr = lab.weldr(env={"SSL_CERT_FILE": "/nowhere"})
    own, nobody = {"ca": root.pem}, {"verify": False}
    weldr.patch_pool({"tls": own})
    weldr.add(lab.origin(tls=serving(root.issue(HOST))))
    for now, method, wish, field in ((own, "PATCH", {"tls": {"ca": None}}, "tls.ca"),
                                     (own, "PATCH", {"tls": None}, "tls.ca"),
                                     (own, "PUT", {}, "tls.ca"),
                                     (nobody, "PATCH", {"tls": {"verify": True}}, "tls.verify"),
                                     (nobody, "PUT", {"tls": {"min_version": "1.3"}}, "tls.verify")):
        weldr.patch_pool({"tls": {"verify": True, "ca": None, **now}})
        answer = weldr.api(method, "/pools/default", wish)
        is_problem(answer, 422, "no_authorities", field)
        assert "SSL_CERT_FILE" in answer.json["detail"]
        assert ask(weldr).status == 200
    for body in ({"tls": {"verify": True, "ca": root.pem}}, {"tls": nobody}, {"tls": own}, {"fail_open": False}):
        weldr.patch_pool(body)
    assert weldr.api("POST", "/pools", {"name": "empty"}).status == 201
    assert weldr.api("PATCH", "/pools/empty", {"tls": nobody}).status == 200
    assert weldr.api("PATCH", "/pools/empty", {"tls": None}).status == 200


def test_everybody_is_believed_where_it_is_said(lab):
    weldr = lab.weldr(env={"SSL_CERT_FILE": "/nowhere"})
    origin = lab.origin(tls=serving(tls_files.authority("unknown").issue("other.test")))
    weldr.patch_pool({"tls": {"verify": False}})
    weldr.add(origin, check={"interval_ms": 100})
    assert ask(weldr).status == 200
    wait_until(lambda: weldr.server(origin)["last_check"], 10, "checked")
    assert weldr.server(origin)["last_check"]["ok"]
    assert weldr.server(origin)["tls"] == {"verify": False}
    assert weldr.lines(msg="certificates of https servers are not verified")[0]["level"] == "warn"
    assert metric(weldr, "weldr_pool_unverified") == 1


def test_trust_that_ends_is_not_used_any_more(lab, root, weldr):
    """Connections from before a stricter setting carry no request after it."""
    origin = lab.origin(tls=serving(root.issue("other.test")))
    weldr.patch_pool({"tls": {"verify": False}})
    weldr.add(origin)
    with weldr.connect() as connection:
        assert connection.ask().status == 200
        weldr.patch_pool({"tls": {"verify": True}})
        assert connection.ask().get("Weldr-Error") == "origin_tls_untrusted"
        weldr.patch_pool({"tls": {"verify": False}})
        assert connection.ask().status == 200


def test_authorities_of_the_pool(lab):
    weldr = lab.weldr(env={"SSL_CERT_FILE": "/nowhere"})
    own = tls_files.authority("own")
    origin = lab.origin(tls=serving(own.issue(HOST)))
    weldr.patch_pool({"tls": {"ca": own.pem}})
    weldr.add(origin, check={"interval_ms": 100})
    assert ask(weldr).status == 200
    wait_until(lambda: weldr.server(origin)["last_check"], 10, "checked")
    assert weldr.server(origin)["last_check"]["ok"]
    weldr.patch_pool({"tls": {"ca": tls_files.authority("another").pem}})
    assert ask(weldr).get("Weldr-Error") == "origin_tls_untrusted"


def test_name_that_is_asked_for(lab, root, weldr):
    asked = []
    context = serving(root.issue("app.test"))
    context.sni_callback = lambda sock, name, context: asked.append(name)
    origin = lab.origin(tls=context)
    weldr.add(origin)
    assert ask(weldr).body.endswith(b"certificate_name.\n")
    weldr.patch_pool({"tls": {"server_name": "app.test"}})
    assert ask(weldr).status == 200
    assert (asked[0], asked[-1]) == (None, "app.test")


def test_least_version(lab, root, weldr):
    origin = lab.origin(tls=serving(root.issue(HOST), versions=(ssl.TLSVersion.TLSv1_2,) * 2))
    weldr.add(origin)
    assert ask(weldr).status == 200
    weldr.patch_pool({"tls": {"min_version": "1.3"}})
    assert ask(weldr).get("Weldr-Error") == "origin_tls_failed"


def test_certificate_that_is_shown(lab, root, weldr):
    """To servers that ask for one, in requests and checks; another certificate of this name counts at once."""
    shown = []

    def behave(lane, seen):
        shown.append(lane.sock.peer_der())
        o.hello(lane, seen)

    origin = lab.origin(behave, tls=serving(root.issue(HOST), client_ca=root))
    first, second = (root.issue("weldr.test", client=True, again=n) for n in range(2))
    added = weldr.api("POST", "/certificates", first.body(name="mine"))
    assert added.status == 201, added
    weldr.patch_pool({"tls": {"certificate": "mine"}})
    weldr.add(origin, check={"interval_ms": 100})
    assert ask(weldr).status == 200
    wait_until(lambda: weldr.server(origin)["last_check"], 10, "checked")
    assert weldr.server(origin)["last_check"]["ok"]
    assert set(shown) == {first.der}
    assert weldr.api("PUT", "/certificates/mine", second.body()).status == 200
    assert ask(weldr).status == 200
    assert second.der in shown


HOURLY = {"interval_ms": 3600000, "fast_interval_ms": 3600000}


def check_error(weldr, origin):
    last = weldr.server(origin)["last_check"]
    return last and last["error"]


def test_changed_tls_is_checked_at_once(lab, root, weldr):
    """Whatever decides about the handshake: the pool's settings, and the certificate that it shows."""
    origin = lab.origin(tls=serving(root.issue("app.test"), client_ca=root))
    stranger, known = tls_files.authority("other").issue("weldr.test", client=True), root.issue("weldr.test", client=True)
    assert weldr.api("POST", "/certificates", stranger.body(name="mine")).status == 201
    weldr.add(origin, check=HOURLY)
    wait_until(lambda: check_error(weldr, origin) == "origin_tls_untrusted: certificate_name", 10, lambda: weldr.server(origin))
    weldr.patch_pool({"tls": {"server_name": "app.test"}})
    wait_until(lambda: check_error(weldr, origin).startswith("origin_tls_failed: peer_"), 10, lambda: weldr.server(origin))
    weldr.patch_pool({"tls": {"certificate": "mine"}})
    wait_until(lambda: check_error(weldr, origin) == "origin_tls_failed: peer_unknown_ca", 10, lambda: weldr.server(origin))
    assert weldr.api("PUT", "/certificates/mine", known.body()).status == 200
    wait_until(lambda: weldr.server(origin)["last_check"]["ok"], 10, lambda: weldr.server(origin))


def test_a_changed_proxy_header_is_checked_at_once(lab, weldr):
    """It stands before what a check sends."""
    def greet(lane):
        if lane.sock.recv(1, socket.MSG_PEEK) == b"\r":
            raise o.Gone("a PROXY header")

    origin = lab.origin(greet=greet)
    weldr.add(origin, check=HOURLY)
    wait_until(lambda: weldr.server(origin)["last_check"], 10, "checked")
    assert weldr.server(origin)["last_check"]["ok"]
    assert weldr.api("PATCH", f"/servers/{HOST}/{origin.port}", {"proxy_protocol": 2}).status == 200
    wait_until(lambda: not weldr.server(origin)["last_check"]["ok"], 10, "checked anew, by a server that takes no such header")


def test_the_first_check_after_a_restart_knows_the_authorities(lab, root, tmp_path):
    """They were looked for behind it, and every https server was down until its second check."""
    origin, folder = lab.origin(tls=serving(root.issue(HOST))), str(tmp_path / "node")
    first = lab.weldr("--data-dir", folder, env={"SSL_CERT_FILE": root.path})
    first.add(origin, check=HOURLY)
    first.signal(signal.SIGKILL)
    first.wait_exit()
    first.stopped = True  # by itself: stop() would end the origin too
    weldr = lab.weldr("--data-dir", folder, env={"SSL_CERT_FILE": root.path})
    wait_until(lambda: weldr.server(origin)["last_check"], 10, "checked")
    assert weldr.server(origin)["last_check"]["ok"], weldr.server(origin)
    assert not weldr.lines(msg="server is down")


def give_other_cluster_key(member, others):
    """Both are closed with one node key. The file ends with the XXH3 of what is before that line."""
    def key_line(text):
        return re.search(rb"^cluster-key .*$", text, re.MULTILINE).group()

    with open(member, "rb") as file, open(others, "rb") as other:
        text = file.read()
        text = text.replace(key_line(text), key_line(other.read()))
    text = text[:text.rindex(b"checksum ")] + b"checksum "
    xxh3 = ctypes.CDLL("libxxhash.so.0").XXH3_64bits
    xxh3.argtypes, xxh3.restype = [ctypes.c_char_p, ctypes.c_size_t], ctypes.c_uint64
    with open(member, "wb") as file:
        file.write(text + b"%016x\n" % xxh3(text, len(text)))


@pytest.fixture
def closed(lab, root, tmp_path):
    """A weldr whose certificate "shown" can't be opened: its data directory has another cluster's key; .pair opens it again."""
    mine, other = (str(tmp_path / name) for name in ("mine", "other"))
    pair = root.issue("weldr.test", client=True)
    first = lab.weldr("--data-dir", mine)
    assert first.api("POST", "/certificates", pair.body(name="shown")).status == 201
    first.stop()
    os.mkdir(other, 0o700)
    shutil.copy(os.path.join(mine, "node.key"), other)  # as a first start that was cut off leaves it
    lab.weldr("--data-dir", other).stop()
    give_other_cluster_key(os.path.join(mine, "member"), os.path.join(other, "member"))
    weldr = lab.weldr("--data-dir", mine, env={"SSL_CERT_FILE": root.path})
    weldr.pair = pair
    return weldr


def test_certificate_that_can_not_be_opened(lab, root, closed):
    """Neither the server nor a want of memory is to blame."""
    origin = lab.origin(tls=serving(root.issue(HOST), client_ca=root))
    closed.patch_pool({"tls": {"certificate": "shown"}})
    closed.add(origin, check=HOURLY)
    response = ask(closed)
    assert (response.status, response.get("Weldr-Error")) == (503, "certificate_unusable")
    wait_until(lambda: check_error(closed, origin), 10, "checked")
    assert check_error(closed, origin) == "certificate_unusable"
    assert closed.lines(msg="a certificate can't be used", certificate="shown")
    told = closed.lines(msg="TLS to servers can't be set up", pool="default", certificate="shown")
    assert told and told[0]["reason"] == "its certificate can't be used"
    assert closed.stats()["results"]["certificate_unusable"] >= 1 and closed.stats()["results"]["no_memory"] == 0
    assert closed.api("PUT", "/certificates/shown", closed.pair.body()).status == 200
    wait_until(lambda: closed.server(origin)["last_check"]["ok"], 10, "checked with one that can")
    assert ask(closed).status == 200


def test_certificate_that_can_not_be_opened_while_it_connects(lab, closed):
    fillers = []
    full = black_hole(lab, fillers)
    closed.add(f"https://{HOST}:{full.port}")
    with closed.connect() as connection:
        connection.request()
        wait_until(lambda: closed.servers()[0]["in_flight"] == 1, 5, "connecting")
        closed.patch_pool({"tls": {"certificate": "shown"}})
        full.listen()
        assert connection.response().get("Weldr-Error") == "certificate_unusable"
    for filler in fillers:
        filler.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_sessions_are_resumed(lab, root, weldr, version):
    closing = o.answer(fields=[("Connection", "close")])
    origin = lab.origin(closing, tls=serving(root.issue(HOST), versions=(version, version)))
    weldr.add(origin)
    with weldr.connect() as connection:
        assert [connection.ask(target=f"/{i}").status for i in range(10)] == [200] * 10
    assert origin.accepted == 10
    wait_until(lambda: origin.tls_resumed >= 8, 5, lambda: origin.tls_resumed)
    assert metric(weldr, "weldr_server_tls_handshakes_total") == 10
    assert metric(weldr, "weldr_server_tls_resumed_total") >= 8


# ---- ends ----


def test_close_notify_on_an_idle_connection(lab, root, weldr):
    origin = lab.origin(o.hangs_up_after_answer, tls=serving(root.issue(HOST)))
    weldr.add(origin)
    with weldr.connect() as connection:
        assert [connection.ask(target=f"/{i}").status for i in range(5)] == [200] * 5
    assert origin.accepted == 5


def until_closed(ends):
    def behave(lane, seen):
        lane.origin.note(seen)
        lane.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000)
        ends(lane)
        raise o.Gone("ended")
    return behave


def test_body_that_ends_with_the_connection(lab, root, weldr):
    """Whole behind a close_notify; without one it was cut, and says so."""
    whole, broken = (lab.origin(until_closed(ends), tls=serving(root.issue(HOST)))
                     for ends in (lambda lane: lane.sock.close(), lambda lane: lane.sock.cut()))
    weldr.add(whole)
    with weldr.connect() as connection:
        assert connection.ask().body == b"x" * 1000
    weldr.api("DELETE", "/servers/" + weldr.server(whole)["id"])
    weldr.add(broken)
    with weldr.connect() as connection:
        connection.send(b"GET /cut HTTP/1.1\r\nHost: a\r\n\r\n")
        head = connection.until(b"\r\n\r\n")
        assert b"chunked" in head.lower()
        with pytest.raises(Closed):
            while True:
                connection.fill()
        assert b"\r\n0\r\n\r\n" not in connection.buffer
    wait_until(lambda: weldr.stats()["results"]["origin_reset"] == 1, 5, lambda: weldr.stats()["results"])


def test_proxy_header_stands_before_the_handshake(lab, root, weldr):
    headers = []

    def greet(lane):
        clear = lane.sock.sock
        headers.append(clear.recv(16, socket.MSG_WAITALL))
        headers.append(clear.recv(struct.unpack(">H", headers[0][14:])[0], socket.MSG_WAITALL))

    origin = lab.origin(greet=greet, tls=serving(root.issue(HOST)))
    weldr.add(origin, proxy_protocol=2)
    with weldr.connect() as connection:
        port = connection.sock.getsockname()[1]
        assert connection.ask().status == 200
    assert headers[0].startswith(b"\r\n\r\n\0\r\nQUIT\n")
    assert struct.unpack(">H", headers[1][8:10])[0] == port


# ---- which one ----


def test_url_is_the_identity(lab, root, weldr):
    origin = lab.origin(tls=serving(root.issue(HOST)))
    secure, plain = origin.url, origin.url.replace("https:", "http:")
    at = f"/servers/{HOST}/{origin.port}"
    added = weldr.add(secure)["servers"][0]
    assert [link["href"] for link in added["links"] if link["rel"] == "self"] == ["/servers/" + added["id"]]
    assert weldr.api("GET", at).json["url"] == secure
    weldr.add(plain)
    assert weldr.api("GET", at).json["url"] == plain
    assert weldr.api("GET", "/servers/" + added["id"]).json["url"] == secure
    assert "tls" not in weldr.server(plain)
    assert weldr.api("DELETE", at).status in (200, 202)
    assert weldr.api("GET", at).json["url"] == secure
    assert weldr.api("PUT", at, {"weight": 3}).json["servers"][0]["url"] == secure


def test_default_port_and_map_host(lab, root, weldr):
    origin = lab.origin(tls=serving(root.issue(HOST)))
    weldr.add(origin, map_host=True)
    assert ask(weldr).status == 200
    assert origin.last("/x").all("Host") == [f"{HOST}:{origin.port}"]
    assert weldr.add("HTTPS://Secure.Example")["servers"][0]["url"] == "https://secure.example:443"


def test_flag(lab, root):
    origin = lab.origin(tls=serving(root.issue(HOST)))
    weldr = lab.weldr("--server", origin.url, env={"SSL_CERT_FILE": root.path})
    assert ask(weldr).status == 200
