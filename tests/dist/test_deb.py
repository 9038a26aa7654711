"""Issue 15, must hold 1: the Debian package in a fresh Debian 12, its update under load, its removal and its purge."""

import os
import re
import subprocess

import pytest

from machine import run, wait_until

KEPT = "WELDR_WORKERS=2\nWELDR_IP=127.0.0.1:8080\nWELDR_DATA_DIR=/var/lib/weldr/node\n"


@pytest.fixture(name="older")
def make_older(deb, tmp_path):
    """The same with a lower version: that of before, for an update."""
    tree = tmp_path / "older"
    run("dpkg-deb", "-R", deb, str(tree))
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*$", "Version: 0.0.1-1", control.read_text()))
    path = str(tmp_path / "weldr_0.0.1-1_amd64.deb")
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", str(tree), path)
    return path


def install(box, path):
    box.put(path, "/tmp/")
    return box.run("apt-get", "install", "-y", "--no-install-recommends", "/tmp/" + os.path.basename(path))


def start(box):
    """As the unit does, with the settings of /etc/default/weldr."""
    box.put_text("/etc/default/weldr", KEPT)
    process = box.start("sh", "-c", "set -a; . /etc/default/weldr; exec /usr/sbin/weldr")
    wait_until(lambda: answers(box), 60, "weldr to be ready")
    return process


def answers(box):
    return box.try_run("curl", "-sf", "127.0.0.1:8687/ready", in_root=False).returncode == 0


def managers(box):
    """Of each: its process in the machine, and whether it runs the file that is there now."""
    found = {}
    for line in box.run("sh", "-c", "for p in /proc/[0-9]*; do echo \"${p#/proc/} $(readlink $p/exe) $(tr '\\0' ' ' <$p/cmdline)\"; done"
                        " 2>/dev/null").splitlines():
        words = line.split()
        if "/usr/sbin/weldr" in words[1:2] and "worker" not in words and "vip-helper" not in words:
            found[words[0]] = "(deleted)" not in words
    return found


def test_installs_and_answers(box, deb):
    install(box, deb)
    assert re.match(r"weldr \d+\.\d+", box.run("/usr/sbin/weldr", "--version"))
    assert "openssl 3." in box.run("/usr/sbin/weldr", "--version", "--verbose")
    assert "weldr" in box.run("getent", "passwd", "weldr")
    assert box.run("stat", "-c", "%a", "/etc/default/weldr").strip() == "644"
    start(box)


def test_unit_is_one_that_systemd_takes(box, deb):
    """Judged by this system's systemd: the base has none."""
    install(box, deb)
    unit = "/lib/systemd/system/weldr.service"
    text = box.run("cat", unit)
    assert "ExecStart=/usr/sbin/weldr" in text and "EnvironmentFile=-/etc/default/weldr" in text
    box.run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={box.root}/usr/sbin:/usr/sbin", "/usr/sbin", in_root=False)
    box.run("systemd-analyze", "verify", "--man=no", box.root + unit, in_root=False)


def test_update_under_load(box, older, deb):
    install(box, older)
    first = start(box)
    origin = box.start("python3", "-c", ORIGIN, in_root=False)
    origin.stdout.readline()
    box.run("curl", "-sf", "-o", "/dev/null", "127.0.0.1:8687/servers", "-d", '{"url":"http://127.0.0.1:9101"}', in_root=False)
    old = managers(box)
    load = box.start("wrk", "-t1", "-c8", "-d20s", "-H", "Connection: close", "http://127.0.0.1:8080/", in_root=False)
    output = install(box, deb)
    assert "handed over to the new program" in output
    report = load.communicate(timeout=60)[0]
    assert int(re.search(r"(\d+) requests in", report).group(1)) > 100, report
    assert "Non-2xx" not in report and "Socket errors" not in report, report
    assert first.wait(timeout=60) == 0
    new = managers(box)
    assert len(new) == 1 and not set(new) & set(old) and all(new.values()), (old, new)
    assert answers(box) and "9101" in box.run("curl", "-sf", "127.0.0.1:8687/servers", in_root=False)
    assert box.run("cat", "/etc/default/weldr") == KEPT


def test_an_update_that_cannot_start_leaves_the_old_one(box, older, deb, tmp_path):
    install(box, older)
    start(box)
    tree = tmp_path / "bad"
    run("dpkg-deb", "-R", deb, str(tree))
    (tree / "usr/sbin/weldr").write_text("#!/bin/sh\nexit 1\n")
    bad = str(tmp_path / "weldr_bad_amd64.deb")
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", str(tree), bad)
    box.put(bad, "/tmp/")
    result = box.try_run("dpkg", "-i", "/tmp/weldr_bad_amd64.deb")
    assert result.returncode == 0 and "did not hand over" in result.stderr, result
    assert answers(box)


def test_remove_keeps_and_purge_drops(box, deb):
    install(box, deb)
    box.run("sh", "-c", "mkdir -p /var/lib/weldr/node /var/log/weldr; echo kept >/var/lib/weldr/node/file; echo line >/var/log/weldr/access.log")
    box.run("apt-get", "remove", "-y", "weldr")
    assert not box.exists("/usr/sbin/weldr")
    assert box.exists("/var/lib/weldr/node/file") and box.exists("/var/log/weldr/access.log") and box.exists("/etc/default/weldr")
    box.run("apt-get", "purge", "-y", "weldr")
    left = box.run("find", "/", "-xdev", "-name", "*weldr*", "-not", "-path", "/proc/*", "-not", "-path", "/tmp/*", "-not", "-path", "/var/cache/*")
    assert left == "", left


def test_lintian_has_no_errors(deb):
    result = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", deb], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


ORIGIN = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\\n")
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 9101), Handler)
print("up", flush=True)
server.serve_forever()
"""
