"""The command line: flags, environment, exit codes, log."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

import origins as o
from rawhttp import Client, Closed, wait_until
from test_processes import socket_inodes
from weldr import BIN, child_pids, clean_environment, parse_line, run_weldr

FLAGS = {"--ip": "WELDR_IP", "--admin-ip": "WELDR_ADMIN_IP", "--metrics-ip": "WELDR_METRICS_IP",
         "--workers": "WELDR_WORKERS", "--server": "WELDR_SERVER",
         "--log-level": "WELDR_LOG_LEVEL", "--drain-timeout": "WELDR_DRAIN_TIMEOUT",
         "--admin-token-file": "WELDR_ADMIN_TOKEN_FILE", "--admin-host": "WELDR_ADMIN_HOST",
         "--admin-tokens-file": "WELDR_ADMIN_TOKENS_FILE", "--admin-token-required": "WELDR_ADMIN_TOKEN_REQUIRED",
         "--admin-socket": "WELDR_ADMIN_SOCKET", "--user": "WELDR_USER", "--data-dir": "WELDR_DATA_DIR", "--ephemeral": "WELDR_EPHEMERAL", "--seccomp": "WELDR_SECCOMP",
         "--cluster-ip": "WELDR_CLUSTER_IP", "--join": "WELDR_JOIN", "--token": "WELDR_JOIN_TOKEN", "--join-token-file": "WELDR_JOIN_TOKEN_FILE",
         "--node-key-file": "WELDR_NODE_KEY_FILE", "--witness": "WELDR_WITNESS", "--cluster-profile": "WELDR_CLUSTER_PROFILE"}
LOCAL = ("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0")


def is_one_clear_line(result, code, *words):
    """Errors of the start: the exit code, and one line on stderr that names what is wrong."""
    assert result.returncode == code, result
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, result.stderr
    for word in words:
        assert word in lines[0], (word, lines[0])
    return True


@pytest.mark.smoke
def test_version():
    result = run_weldr("--version")
    assert result.returncode == 0 and re.match(r"weldr \d+\.\d+", result.stdout), result


# What --version --verbose names, and the Debian package that it comes from.
LIBRARIES = {
    "glibc": "libc6-dev", "openssl": "libssl-dev", "libraft": "libraft-dev", "libuv": "libuv1-dev", "lz4": "liblz4-dev",
    "c-ares": "libc-ares-dev", "jansson": "libjansson-dev", "libsodium": "libsodium-dev", "libseccomp": "libseccomp-dev",
    "xxhash": "libxxhash-dev", "uthash": "uthash-dev", "chart.js": "libjs-chart.js",
}


@pytest.mark.smoke
def test_versions_of_libraries_are_those_of_their_packages():
    result = run_weldr("--version", "--verbose")
    lines = [line.split(" ", 1) for line in result.stdout.splitlines()]
    assert result.returncode == 0 and [name for name, _ in lines] == ["weldr", "level", "compiler", *LIBRARIES], result
    versions = dict(lines)
    for name, package in LIBRARIES.items():
        installed = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=True)
        assert re.match(rf"(\d+:)?{re.escape(versions[name])}([.+-].*)?$", installed.stdout), (name, versions[name], installed.stdout)


@pytest.mark.smoke
def test_help_names_every_flag_and_variable():
    result = run_weldr("--help")
    assert result.returncode == 0
    for flag, variable in FLAGS.items():
        assert flag in result.stdout and variable in result.stdout, flag
    assert "WELDR_ADMIN_TOKEN" in result.stdout and "--version" in result.stdout and "--help" in result.stdout


@pytest.mark.parametrize("arguments,word", [
    (["--nonsense"], "--nonsense"), (["stray"], "stray"), (["--ip"], "--ip"), (["--ip", "nowhere"], "--ip"),
    (["--ip", "127.0.0.1:99999"], "--ip"), (["--ip", "1.2.3:80"], "--ip"), (["--ip", ""], "--ip"),
    (["--admin-ip", "127.0.0.1:x"], "--admin-ip"), (["--workers", "0"], "--workers"), (["--workers", "-1"], "--workers"),
    (["--workers", "many"], "--workers"), (["--workers", "257"], "--workers"), (["--log-level", "loud"], "--log-level"),
    (["--drain-timeout", "soon"], "--drain-timeout"), (["--drain-timeout", "-1"], "--drain-timeout"),
    (["--server", "ftp://127.0.0.1"], "ftp://127.0.0.1"), (["--server", "http://127.0.0.1/path"], "http://127.0.0.1/path"),
    (["worker"], "--id"), (["worker", "--id", "x"], "--id"),
], ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_bad_flags_exit_2(arguments, word):
    is_one_clear_line(run_weldr(*arguments, *(LOCAL if arguments[0] != "worker" else ())), 2, word)


@pytest.mark.parametrize("variable,value", [
    ("WELDR_IP", "nowhere"), ("WELDR_ADMIN_IP", "127.0.0.1:0,bad"), ("WELDR_WORKERS", "0"), ("WELDR_LOG_LEVEL", "loud"),
    ("WELDR_DRAIN_TIMEOUT", "x"), ("WELDR_SERVER", "nonsense"), ("WELDR_LOG", "loud"),
])
def test_bad_variables_exit_2(variable, value):
    given = {"WELDR_IP": "127.0.0.1:0", "WELDR_ADMIN_IP": "127.0.0.1:0", variable: value}
    result = run_weldr(env=given)
    assert result.returncode == 2 and (variable in result.stderr or value in result.stderr), result
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("flag,variable,value", [
    ("--server", "WELDR_SERVER", "ftp://127.0.0.1"), ("--resolver", "WELDR_RESOLVER", "nobody"),
])
def test_bad_value_is_blamed_on_where_it_stood(flag, variable, value):
    by_flag, by_variable = run_weldr(*LOCAL, flag, value), run_weldr(*LOCAL, env={variable: value})
    assert by_flag.stderr.startswith(f"error: {flag} {value}: "), by_flag
    assert by_variable.stderr.startswith(f"error: {variable} {value}: "), by_variable


def test_flag_with_equals_sign(lab):
    weldr = lab.weldr("--log-level=debug", "--workers=2", workers=None)
    assert len(weldr.workers()) == 2


@pytest.mark.smoke
@pytest.mark.parametrize("flag", ["--ip", "--admin-ip"])
def test_port_in_use_exits_3(lab, flag):
    taken = lab.origin()
    address = f"127.0.0.1:{taken.port}"
    arguments = dict(zip(("--ip", "--admin-ip"), ("127.0.0.1:0", "127.0.0.1:0")), **{flag: address})
    result = run_weldr(*[part for pair in arguments.items() for part in pair])
    assert result.returncode == 3, result
    assert any(address in line and "in use" in line for line in result.stderr.splitlines()), result.stderr


def test_port_of_another_weldr_exits_3(lab):
    """Two managers never share a port by accident, SO_REUSEPORT or not."""
    weldr = lab.weldr()
    result = run_weldr("--ip", "127.0.0.1:%d" % weldr.address[1], "--admin-ip", "127.0.0.1:0", "--workers", "1")
    assert result.returncode == 3, result
    assert weldr.ask().status == 503


def test_foreign_address_exits_3():
    result = run_weldr("--ip", "192.0.2.1:8080", "--admin-ip", "127.0.0.1:0")
    assert result.returncode == 3 and "192.0.2.1:8080" in result.stderr, result


@pytest.mark.parametrize("limit", [6, 9, 12])
def test_no_descriptor_left_exits_4(limit):
    result = run_weldr(*LOCAL, "--workers", "8", nofile=limit)
    assert result.returncode == 4, result
    assert "descriptor" in result.stderr or "open files" in result.stderr, result.stderr


# ---- addresses

@pytest.mark.smoke
def test_defaults(lab):
    """L01–L03, D2: all addresses port 8080, IPv4 and IPv6; the API on both loopback addresses, port 8687, only."""
    namespace = lab.namespace("10.77.0.1")
    weldr = lab.weldr(ip=None, admin_ip=None, namespace=namespace, drain_timeout=None)
    for host in ("127.0.0.1", "::1", "10.77.0.1"):
        with Client((host, 8080), make_socket=namespace.socket) as client:
            assert client.ask().status == 503, host
    for host in ("127.0.0.1", "::1"):
        assert weldr.api("GET", "/", admin=(host, 8687)).status == 200
    with pytest.raises(OSError):
        Client(("10.77.0.1", 8687), make_socket=namespace.socket)


def test_container_line(lab):
    """L07: both addresses given as flags, published from outside."""
    namespace = lab.namespace("10.77.0.1")
    weldr = lab.weldr(ip="0.0.0.0:8080", admin_ip="0.0.0.0:8687", namespace=namespace)
    with Client(("10.77.0.1", 8080), make_socket=namespace.socket) as client:
        assert client.ask().status == 503
    assert weldr.api("GET", "/", admin=("10.77.0.1", 8687)).status == 401
    assert weldr.api("GET", "/", admin=("127.0.0.1", 8687)).status == 200


@pytest.mark.smoke
def test_several_addresses(lab):
    """L04: both flags work, and may be repeated."""
    weldr = lab.weldr(ip=("127.0.0.1:0", "127.0.0.2:0", "[::1]:0"), admin_ip=("127.0.0.1:0", "[::1]:0"), workers=2)
    weldr.add(lab.origin())
    assert {host for host, _ in weldr.proxies} == {"127.0.0.1", "127.0.0.2", "::1"}
    for address in set(weldr.proxies):
        with Client(address) as client:
            assert client.ask().body == b"hello"
    for address in weldr.apis:
        assert weldr.api("GET", "/servers", admin=address).status == 200


def test_settings_by_environment(lab):
    origin = lab.origin()
    env = {"WELDR_IP": "127.0.0.1:0,127.0.0.2:0", "WELDR_ADMIN_IP": "127.0.0.1:0", "WELDR_WORKERS": "3",
           "WELDR_SERVER": f"{origin.url},http://127.0.0.1:1", "WELDR_LOG_LEVEL": "debug", "WELDR_DRAIN_TIMEOUT": "3s"}
    weldr = lab.weldr(ip=None, admin_ip=None, workers=None, drain_timeout=None, env=env)
    assert {host for host, _ in weldr.proxies} == {"127.0.0.1", "127.0.0.2"}
    assert len(weldr.workers()) == 3
    assert {s["url"] for s in weldr.servers()} == {origin.url, "http://127.0.0.1:1"}


def test_flag_wins_over_environment(lab):
    weldr = lab.weldr(workers=2, env={"WELDR_WORKERS": "4", "WELDR_IP": "127.0.0.9:0"})
    assert len(weldr.workers()) == 2 and weldr.address[0] == "127.0.0.1"


@pytest.mark.smoke
def test_initial_servers(lab):
    """L08: --server, repeatable; there before the first accept."""
    first, second = lab.origin(o.named("1")), lab.origin(o.named("2"))
    weldr = lab.weldr("--server", first.url, "--server", second.url, workers=1)
    client = weldr.connect()
    assert {client.ask(target="/x").text for _ in range(2)} == {"1", "2"}
    assert [s["url"] for s in weldr.servers()] == [first.url, second.url]


@pytest.mark.parametrize("text", ["2", "2s", "2000ms"])
def test_drain_timeout_units(lab, text):
    weldr, origin = lab.run(o.stall, drain_timeout=text)
    weldr.connect().request()
    wait_until(origin.seen, 5, "a request in flight")
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(20) == 0


# ---- log

@pytest.mark.smoke
def test_log_lines_are_key_value(lab):
    """Start tells where it listens, where the API is, what comes next; every line is key=value."""
    weldr = lab.weldr(workers=2)
    weldr.add(lab.origin())
    for line in weldr.log.splitlines():
        pairs = parse_line(line)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", pairs["time"]), line
        assert pairs["level"] in ("error", "warn", "info", "debug", "trace"), line
        assert pairs["role"] in ("manager", "worker") and pairs["msg"], line
        assert "\x1b" not in line
    assert len(weldr.lines(msg="proxy listens")) >= 1
    assert len(weldr.lines(msg="management API listens")) == 1
    assert weldr.lines(msg="ready", role="manager")


def test_peers_cannot_forge_lines(lab):
    """What a peer sends shows escaped, on its own line."""
    weldr, _ = lab.run(o.raw(b'HTTP/1.1 20\x01" level=error\r\n\r\n', close=True), env={"WELDR_LOG_LEVEL": "trace"})
    weldr.ask(target='/%0a"level=error', fields=[("X-Request-Id", 'a" level=error msg="forged')])
    for line in weldr.log.splitlines():
        assert "\x01" not in line and parse_line(line).get("msg") != "forged", line


@pytest.mark.parametrize("variable", ["WELDR_LOG_LEVEL", "WELDR_LOG"])
def test_log_levels(lab, variable):
    """L06: more is said on demand, by either name of the variable."""
    logs = {}
    for level in ("info", "trace"):
        weldr, _ = lab.run(o.hello, env={variable: level})
        weldr.ask()
        logs[level] = {line["level"] for line in weldr.lines()}
    assert not logs["info"] & {"debug", "trace"}
    assert "debug" in logs["trace"]


def test_log_level_error_is_silent():
    """With nothing wrong there is nothing to say."""
    process = subprocess.Popen([BIN, *LOCAL, "--workers", "1", "--log-level", "error"], stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, env=clean_environment(), text=True)
    wait_until(lambda: len(child_pids(process.pid)) == 1, 20, "the worker")
    wait_until(lambda: serves(process.pid), 20, "an API that serves")
    process.send_signal(signal.SIGTERM)
    _, text = process.communicate(timeout=20)
    assert process.returncode == 0 and text == ""


def test_made_token_is_shown_at_every_level():
    """Else nobody from outside could ever come in."""
    process = subprocess.Popen([BIN, "--ip", "127.0.0.1:0", "--admin-ip", "0.0.0.0:0", "--workers", "1", "--log-level",
                                "error"], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=clean_environment(),
                               text=True)
    wait_until(lambda: len(child_pids(process.pid)) == 1, 20, "the worker")
    process.send_signal(signal.SIGTERM)
    _, text = process.communicate(timeout=20)
    assert process.returncode == 0
    assert [len(parse_line(line)["token"]) for line in text.splitlines()] == [64], text


def test_ctrl_c_while_starting():
    """A terminal's Ctrl-C reaches the children too, also those that are not yet workers: it counts once."""
    for number in range(10):
        process = subprocess.Popen([BIN, *LOCAL, "--workers", "8", "--drain-timeout", "5"], stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL, env=clean_environment(), start_new_session=True)
        text = b""
        while b"management API listens" not in text:
            text += os.read(process.stderr.fileno(), 65536)
        time.sleep(number * 0.0005)
        os.killpg(process.pid, signal.SIGINT)
        text += process.communicate(timeout=20)[1]
        assert process.returncode == 0, text.decode()
        assert b"second signal" not in text and b"was killed" not in text, text.decode()


def serves(pid):
    """Without a log the ports are found among the listening sockets of the manager."""
    inodes = socket_inodes(pid)
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    ports = [int(r[1].split(":")[1], 16) for r in rows if r[9] in inodes and r[3] == "0A"]
    for port in ports:
        try:
            with Client(("127.0.0.1", port), deadline_s=1) as client:
                response = client.ask(target="/health")
        except (Closed, OSError):
            continue  # the proxy's, whose worker is still starting
        if response.status == 200 and json.loads(response.body) is not None:
            return True
    return False


def test_log_on_a_terminal_is_coloured():
    leader, follower = pty.openpty()
    process = subprocess.Popen([BIN, *LOCAL, "--workers", "1"], stderr=follower, stdout=subprocess.DEVNULL,
                               stdin=subprocess.DEVNULL, env={**clean_environment(), "TERM": "xterm"})
    os.close(follower)
    text = b""
    while b"ready" not in text:
        assert select.select([leader], [], [], 20)[0], text
        text += os.read(leader, 65536)
    process.send_signal(signal.SIGTERM)
    while True:
        try:
            if not os.read(leader, 65536):
                break
        except OSError:
            break
    assert process.wait(20) == 0
    os.close(leader)
    assert b"\x1b[" in text and b"listens" in text and b"time=20" not in text


def test_stuck_log_reader_does_not_stop_the_proxy(lab):
    """stderr is a pipe that nobody reads: lines are dropped, requests are served."""
    origin = lab.origin()
    reader, writer = os.pipe()
    process = subprocess.Popen([BIN, *LOCAL, "--workers", "1", "--log-level", "trace", "--server", origin.url],
                               stderr=writer, stdin=subprocess.DEVNULL, env=clean_environment())
    os.close(writer)
    text = b""
    while b"msg=ready" not in text and b'msg="ready"' not in text:
        text += os.read(reader, 65536)
    address = next(parse_line(line)["address"] for line in text.decode().splitlines() if "proxy listens" in line)
    with Client(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as client:
        for number in range(3000):
            assert client.ask(target=f"/{number}").status == 200
    os.close(reader)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_garbage_floods_are_rate_limited(lab):
    """A peer cannot fill the disk with our log."""
    weldr = lab.weldr()
    for _ in range(500):
        client = Client(weldr.address)
        client.send(b"garbage\r\n\r\n")
        client.response()
        client.close()
    assert len(weldr.log.splitlines()) < 200
