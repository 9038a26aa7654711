"""PROXY protocol: on a listener that expects it, the client is whom the header names; everything else is closed."""

import socket
import struct

import pytest

import origins as o
from rawhttp import wait_until
from weldr import run_weldr

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.2 4711 443\r\n"
REQUEST = b"GET /x HTTP/1.1\r\nHost: test.example\r\n\r\n"
BEHIND = "127.0.0.1:0,proxy"


def v2(source, target, source_port=4711, target_port=443, command=0x21, values=b""):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    body = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    body += struct.pack(">HH", source_port, target_port) + values
    return SIGNATURE + bytes([command, 0x21 if ":" in source else 0x11]) + struct.pack(">H", len(body)) + body



def expect_refused(weldr, count):
    wait_until(lambda: weldr.stats()["proxy_refused"] == count, 5, f"{count} refused, {weldr.stats()}")


@pytest.mark.smoke
@pytest.mark.parametrize("header, client", [
    (V1, "192.0.2.7"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (v2("192.0.2.7", "198.51.100.2"), "192.0.2.7"),
    (v2("2001:db8::7", "2001:db8::1"), "2001:db8::7"),
    (v2("192.0.2.7", "198.51.100.2", values=b"\1\0\2h2\4\0\3\0\0\0"), "192.0.2.7"),
    (v2("192.0.2.7", "198.51.100.2", command=0x20), "127.0.0.1"),
    (SIGNATURE + b"\x20\0\0\0", "127.0.0.1"),
    (SIGNATURE + b"\x21\0\0\3abc", "127.0.0.1"),
], ids=["v1", "v1-6", "v1-unknown", "v2", "v2-6", "v2-values", "v2-local", "v2-local-empty", "v2-unspec"])
def test_header_names_the_client(lab, header, client):
    weldr, origin = lab.run(o.hello, ip=BEHIND)
    with weldr.connect() as connection:
        assert connection.send(header + REQUEST).response().status == 200
        assert connection.ask(target="/again").status == 200
    for target in ("/x", "/again"):
        assert origin.last(target).all("X-Forwarded-For") == [client]


@pytest.mark.parametrize("header", [V1, v2("192.0.2.7", "198.51.100.2")], ids=["v1", "v2"])
def test_header_byte_by_byte(lab, header):
    weldr, origin = lab.run(o.hello, ip=BEHIND)
    with weldr.connect() as connection:
        for byte in header + REQUEST:
            connection.send(bytes([byte]))
        assert connection.response().status == 200
    assert origin.last().all("X-Forwarded-For") == ["192.0.2.7"]


def test_pipelined_requests_behind_the_header(lab):
    weldr, origin = lab.run(o.hello, ip=BEHIND)
    with weldr.connect() as connection:
        connection.send(V1 + REQUEST * 3)
        assert [connection.response().status for _ in range(3)] == [200] * 3
    assert len(origin.seen("/x")) == 3


@pytest.mark.smoke
@pytest.mark.parametrize("data", [
    REQUEST, b"PROXY TCP4 192.0.2.7 198.51.100.2 4711 443\n", b"PROXY TCP4 192.0.2.7\r\n", b"PROXY UNKNOWN" + b"x" * 200,
    SIGNATURE + b"\x31\x11\0\x0c", SIGNATURE + b"\x21\x11\xff\xff", V1[:-2] + b" \r\n",
], ids=["none", "bare-lf", "short", "long", "v3", "huge", "space"])
def test_bad_header_is_closed_without_an_answer(lab, data):
    weldr, origin = lab.run(o.hello, ip=BEHIND)
    with weldr.connect() as connection:
        connection.send(data)
        assert connection.is_closed()
    expect_refused(weldr, 1)
    assert origin.accepted == 0


def test_second_header_is_a_bad_request(lab):
    weldr, _ = lab.run(o.hello, ip=BEHIND)
    with weldr.connect() as connection:
        assert connection.send(V1 + V1 + REQUEST).response().status == 400


def test_header_on_a_plain_listener_is_a_bad_request(lab):
    weldr, _ = lab.run(o.hello)
    with weldr.connect() as connection:
        assert connection.send(V1 + REQUEST).response().status == 400


def test_header_cut_off_by_the_peer(lab):
    weldr, _ = lab.run(o.hello, ip=BEHIND)
    with weldr.connect() as connection:
        connection.send(V1[:20]).finish()
        assert connection.is_closed()
    expect_refused(weldr, 1)


def test_header_that_does_not_come_in_time(lab):
    weldr, _ = lab.run(o.hello, ip=BEHIND)
    weldr.patch_listener({"timeouts": {"client_head_ms": 300}})
    with weldr.connect() as connection:
        connection.send(V1[:20])
        assert connection.is_closed()
    expect_refused(weldr, 1)


@pytest.mark.smoke
def test_default_trust_is_loopback(lab):
    weldr, origin = lab.run(o.hello, ip=BEHIND)
    with weldr.connect(source="127.0.0.99") as connection:
        assert connection.send(V1 + REQUEST).response().status == 200
    assert origin.last().all("X-Forwarded-For") == ["192.0.2.7"]


@pytest.mark.smoke
def test_only_trusted_addresses_may_send_a_header(lab):
    weldr = lab.weldr("--trusted-proxies", "127.0.0.8/31,::1", "--log-level", "debug", ip=BEHIND)
    origin = lab.origin(o.hello)
    weldr.add(origin)
    with weldr.connect(source="127.0.0.9") as connection:
        assert connection.send(V1 + REQUEST).response().status == 200
    with weldr.connect(source="127.0.0.10") as connection:
        connection.send(V1 + REQUEST)
        assert connection.is_closed()
    expect_refused(weldr, 1)
    line = weldr.wait_log(msg="connection refused")[0]
    assert line["why"] == "not a trusted proxy" and line["peer"].startswith("127.0.0.10:")
    assert origin.accepted == 1


def test_only_the_address_before_the_word_expects_it(lab):
    weldr = lab.weldr(ip=None, env={"WELDR_IP": "127.0.0.1:0,127.0.0.2:0,proxy,127.0.0.3:0"}, workers=2)
    origin = lab.origin(o.hello)
    weldr.add(origin)
    for address, header in zip(weldr.proxies, (b"", V1, b"")):
        with weldr.connect(address=address) as connection:
            assert connection.send(header + REQUEST).response().status == 200
        assert origin.last().get("X-Forwarded-For") == ("192.0.2.7" if header else "127.0.0.1")


def test_draining_takes_no_header_for_long(lab):
    weldr, _ = lab.run(o.hello, ip=BEHIND)
    connection = weldr.connect()
    connection.send(V1[:10])
    wait_until(lambda: weldr.stats()["connections"]["client_open"] == 1, 5, "one connection")
    weldr.signal(15)
    assert connection.is_closed(within_s=4)
    assert weldr.wait_exit() == 0


def test_bad_ranges_are_refused_at_start(lab):
    for value in ("10.0.0.1/8", "", "localhost"):
        result = run_weldr("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0", "--trusted-proxies", value)
        assert result.returncode == 2 and "--trusted-proxies" in result.stderr


# ---- to servers


def reads_header(lane):
    """As `greet`: takes a version 2 header off the connection and keeps it."""
    head = lane.exactly(16)
    assert head[:12] == SIGNATURE, head
    lane.origin.headers.append(head + lane.exactly(struct.unpack(">H", head[14:])[0]))


def told_origin(lab, behave=o.hello):
    origin = lab.origin(behave, greet=reads_header)
    origin.headers = []
    return origin


@pytest.mark.smoke
def test_server_is_told_the_client(lab):
    weldr, origin = lab.weldr(), told_origin(lab)
    weldr.add(origin, proxy_protocol=2)
    with weldr.connect(source="127.0.0.77") as client:
        for _ in range(3):
            assert client.ask().status == 200
        port = client.sock.getsockname()[1]
    wanted = v2("127.0.0.77", "127.0.0.1", port, weldr.address[1])
    assert origin.headers == [wanted] * 3
    assert origin.last().all("X-Forwarded-For") == ["127.0.0.77"]


def test_server_is_told_an_ipv6_client(lab):
    weldr, origin = lab.weldr(ip="[::1]:0"), told_origin(lab)
    weldr.add(origin, proxy_protocol=2)
    with weldr.connect() as client:
        assert client.ask().status == 200
        port = client.sock.getsockname()[1]
    assert origin.headers == [v2("::1", "::1", port, weldr.address[1])]


@pytest.mark.smoke
def test_header_is_passed_on(lab):
    """Who came behind a header is told with the same addresses, the destination too."""
    weldr, origin = lab.weldr(ip=BEHIND), told_origin(lab)
    weldr.add(origin, proxy_protocol=2)
    with weldr.connect() as client:
        assert client.send(V1 + REQUEST).response().status == 200
    with weldr.connect() as client:
        assert client.send(v2("2001:db8::7", "::ffff:192.0.2.1") + REQUEST).response().status == 200
    assert origin.headers[0] == v2("192.0.2.7", "198.51.100.2")
    assert origin.headers[1] == v2("2001:db8::7", "::ffff:192.0.2.1")


def test_no_connection_is_shared_by_clients(lab):
    weldr, origin = lab.weldr(), told_origin(lab, o.echo)
    weldr.add(origin, proxy_protocol=2)
    ports = []
    clients = [weldr.connect() for _ in range(5)]
    for _ in range(4):
        for client in clients:
            body = str(len(ports)).encode()
            response = client.ask("POST", body=body, fields=[("Content-Length", str(len(body)))])
            assert response.body == body
            ports.append(client.sock.getsockname()[1])
    assert [struct.unpack(">H", h[24:26])[0] for h in origin.headers] == ports
    assert weldr.stats()["connections"]["server_idle"] == 0


def test_setting_changes_at_run_time(lab):
    weldr = lab.weldr()
    plain = lab.origin(o.hello)
    weldr.add(plain)
    assert weldr.ask().status == 200
    wait_until(lambda: weldr.stats()["connections"]["server_idle"] == 1, 5, "an idle connection")
    plain.greet, plain.headers = reads_header, []
    assert weldr.api("PATCH", plain.path, {"proxy_protocol": 2}).status == 200
    assert weldr.ask().status == 200 and len(plain.headers) == 1
    plain.greet = None
    assert weldr.api("PATCH", plain.path, {"proxy_protocol": 0}).status == 200
    assert weldr.ask().status == 200 and weldr.ask().status == 200
    assert len(plain.headers) == 1


def test_header_comes_again_with_another_attempt(lab):
    """The first server resets before it has read; the second is told the client as well."""
    weldr, origin = lab.weldr(), told_origin(lab)
    weldr.add(lab.dead_origin(), proxy_protocol=2)
    weldr.add(origin, proxy_protocol=2)
    with weldr.connect(source="127.0.0.77") as client:
        for _ in range(4):
            assert client.ask().status == 200
    assert len(origin.headers) == 4
    assert {socket.inet_ntoa(h[16:20]) for h in origin.headers} == {"127.0.0.77"}


def test_tcp_check_says_that_it_is_our_own(lab):
    """A connection that ends without the header would be a fault in the server's log."""
    weldr, origin = lab.weldr(), told_origin(lab)
    weldr.add(origin, check={"type": "tcp", "interval_ms": 1000}, proxy_protocol=2)
    wait_until(lambda: origin.headers, 10, "a check with a header")
    assert origin.headers[0] == SIGNATURE + b"\x20\0\0\0"
    assert origin.seen() == []
    weldr.wait_state(origin, "active")


@pytest.mark.smoke
def test_check_says_that_it_is_our_own(lab):
    weldr, origin = lab.weldr(), told_origin(lab)
    weldr.add(origin, check={"type": "http", "interval_ms": 1000}, proxy_protocol=2)
    wait_until(lambda: origin.seen(), 10, "a check")
    assert origin.headers[0] == SIGNATURE + b"\x20\0\0\0"
    weldr.wait_state(origin, "active")
