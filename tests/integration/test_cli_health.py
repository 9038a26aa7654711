"""weldr health: an exit code for HEALTHCHECK of a container, and a line why."""

import signal
import socket
import threading
import time

import pytest
from rawhttp import wait_until
from weldr import run_weldr


def health(weldr, *flags):
    return run_weldr("health", "--api", weldr.place, *flags)


@pytest.fixture(name="start")
def make_start(lab, tmp_path):
    def start(*flags):
        weldr = lab.weldr("--admin-socket", str(tmp_path / "api"), *flags)
        weldr.place = f"unix:{tmp_path}/api"
        return weldr
    return start


def test_ready(start):
    weldr = start()
    done = health(weldr)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ready\n", "")
    done = health(weldr, "--live")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


def test_without_a_token(start, tmp_path):
    """An orchestrator has none."""
    token = tmp_path / "token"
    token.write_text("secret\n", encoding="ascii")
    token.chmod(0o600)
    weldr = start("--admin-token-file", str(token))
    weldr.place = f"http://{weldr.admin[0]}:{weldr.admin[1]}"
    assert health(weldr).returncode == 0


def test_a_weldr_that_leaves_is_alive_and_not_ready(start):
    weldr = start("--ready-delay", "20s")
    weldr.signal(signal.SIGTERM)
    weldr.wait_log(msg="shutting down")
    done = health(weldr)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: weldr at {weldr.place} is not ready: leaving\n"
    assert health(weldr, "--live").returncode == 0
    weldr.signal(signal.SIGTERM)
    weldr.stop(exit_code=1)


def test_nobody_is_there(tmp_path):
    done = run_weldr("health", "--api", f"unix:{tmp_path}/none")
    assert done.returncode == 1 and done.stderr.startswith(f"error: the API at unix:{tmp_path}/none: "), done


def test_one_that_hangs_is_not_waited_for(start):
    weldr = start()
    weldr.signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        done = health(weldr)
        assert time.monotonic() - begun < 8
    finally:
        weldr.signal(signal.SIGCONT)
    assert (done.returncode, done.stderr) == (1, f"error: the API at {weldr.place}: no response within 3 s\n")
    wait_until(lambda: health(weldr).returncode == 0, 10, "it goes on")


def test_something_else_is_there(tmp_path):
    def serve(server):
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{tmp_path}/x")
        server.listen()
        server.settimeout(20)
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        done = run_weldr("health", "--api", f"unix:{tmp_path}/x")
        thread.join()
    assert (done.returncode, done.stderr) == (1, f"error: the API at unix:{tmp_path}/x responds with status 200\n")


def test_a_bad_flag_is_no_answer():
    assert run_weldr("health", "--lively").returncode == 2
