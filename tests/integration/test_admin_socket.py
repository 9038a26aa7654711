"""--admin-socket: the management API for whoever may write to a file."""

import http.client
import json
import os
import signal
import socket
import stat
import tempfile

import pytest

from rawhttp import wait_until
from weldr import judge, run_weldr

LOCAL = ("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0")
SERVER = {"url": "http://127.0.0.1:1", "check": {"type": "none"}}


@pytest.fixture
def path():
    """Short: the name of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="weldr-") as folder:
        yield os.path.join(folder, "api")


def ask(path, method="GET", target="/servers", body=None, headers=None):
    connection = http.client.HTTPConnection("any-name.example", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    connection.sock.connect(path)
    try:
        connection.request(method, target, json.dumps(body) if body else None, headers or {})
        response = connection.getresponse()
        text = response.read().decode()
        judge(method, target, response.status, response.headers.get, text, json.dumps(body) if body else None)
        return response.status, json.loads(text)
    finally:
        connection.close()


@pytest.mark.smoke
def test_local_callers_need_no_token(lab, path):
    weldr = lab.weldr("--admin-socket", path, "--admin-token-required", token="sesame", env={"WELDR_ADMIN_TOKEN": "sesame"})
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600 and stat.S_ISSOCK(os.stat(path).st_mode)
    assert ask(path)[0] == 200
    status, _ = ask(path, "POST", "/servers", SERVER)
    assert status == 201 and len(weldr.servers()) == 1
    assert weldr.wait_log(msg="server added")[0]["by"] == "socket"
    assert weldr.lines(msg="management API listens", socket=path)


def test_pages_are_refused_there_too(lab, path):
    lab.weldr("--admin-socket", path)
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        status, problem = ask(path, headers=headers)
        assert (status, problem["code"]) == (403, "forbidden_origin")


def test_left_over_and_in_use(lab, path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    weldr = lab.weldr(env={"WELDR_ADMIN_SOCKET": path})
    assert ask(path)[0] == 200
    result = run_weldr(*LOCAL, "--admin-socket", path)
    assert result.returncode == 3 and path in result.stderr and "in use" in result.stderr
    assert ask(path)[0] == 200
    os.kill(weldr.pid, signal.SIGKILL)
    weldr.wait_exit()
    weldr.stopped = True
    assert os.path.exists(path)
    lab.weldr("--admin-socket", path)
    assert ask(path)[0] == 200


def test_it_goes_when_accepting_stops(lab, path):
    weldr = lab.weldr("--admin-socket", path)
    weldr.signal(signal.SIGTERM)
    wait_until(lambda: not os.path.exists(path), 10, "the file is gone")
    assert weldr.wait_exit() == 0


def test_other_files_are_left_alone(path):
    with open(path, "w", encoding="ascii") as file:
        file.write("mine")
    result = run_weldr(*LOCAL, "--admin-socket", path)
    assert result.returncode == 3 and "no socket" in result.stderr
    with open(path, encoding="ascii") as file:
        assert file.read() == "mine"


def test_bad_paths():
    result = run_weldr(*LOCAL, "--admin-socket", "/" + "x" * 107)
    assert result.returncode == 2 and "--admin-socket" in result.stderr
    result = run_weldr(*LOCAL, "--admin-socket", "/nonexistent/api")
    assert result.returncode == 3 and "/nonexistent/api" in result.stderr
