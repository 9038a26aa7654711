"""Issue 15, must hold 1: the Debian package in a fresh Debian 12, its update under load, its removal and its purge."""

import re
import subprocess

import pytest

import packages
from conftest import PLAIN, SERVICE
from machine import wait_until
from traffic import SETTINGS, Traffic, curl, is_ready, main_process, managers, start

BOTH = pytest.mark.parametrize("box", (PLAIN, SERVICE), indirect=True, ids=("container", "systemd"))


def apt(box, *words):
    return box.run("apt-get", "-y", *words)


def install(box, deb, *words):
    return apt(box, "install", "--no-install-recommends", *words, box.put(deb))


def version_of(box):
    return box.run("dpkg-query", "-W", "-f", "${Version}", "weldr")


@BOTH
def test_installs_and_answers(box, deb):
    install(box, deb)
    assert re.match(r"weldr \d+\.\d+", box.run("weldr", "--version"))
    assert "openssl 3." in box.run("weldr", "--version", "--verbose")
    assert box.run("getent", "passwd", "weldr").endswith(":/nonexistent:/usr/sbin/nologin\n")
    assert box.run("stat", "-c", "%a %U", "/etc/default/weldr", "/var/log/weldr", "/usr/sbin/weldr").split("\n")[:3] == \
        ["644 root", "755 weldr" if box.booted else "755 root", "755 root"]
    assert is_ready(box) == box.booted, "systemd has started it"
    start(box)
    if box.booted:
        assert box.run("systemctl", "is-enabled", "weldr") == "enabled\n"
        assert box.run("stat", "-c", "%U", f"/proc/{main_process(box)}") == "weldr\n"


def test_unit_is_one_that_systemd_takes(service_box, deb):
    """Not a word of complaint, and not about what it names, either."""
    install(service_box, deb)
    verified = service_box.try_run("systemd-analyze", "verify", "--man=no", "--recursive-errors=one", "weldr.service")
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    rated = service_box.run("systemd-analyze", "security", "--threshold=20", "weldr.service")
    assert "Overall exposure level" in rated


@BOTH
def test_update_under_load(box, older_deb, deb):
    install(box, older_deb)
    assert version_of(box).endswith("-0")
    start(box)
    traffic = Traffic(box)
    old = managers(box)
    digest = box.run("sha256sum", "/usr/sbin/weldr")
    assert "handed over to the new program" in install(box, deb)
    traffic.end_without_failure()
    assert version_of(box).endswith("-1") and box.run("sha256sum", "/usr/sbin/weldr") != digest
    new = managers(box)
    assert not any(new[pid] for pid in new if pid in old) and sum(new.values()) == 1, (old, new)
    assert box.read("/etc/default/weldr") == SETTINGS
    if box.booted:
        assert new[main_process(box)] and box.run("systemctl", "show", "-p", "NRestarts", "--value", "weldr") == "0\n"
        box.run("systemctl", "reload", "weldr")
        box.run("systemctl", "stop", "weldr")
        assert not managers(box)


@BOTH
def test_an_update_that_cannot_start_leaves_the_old_one(box, older_deb, deb, tmp_path):
    install(box, older_deb)
    start(box)
    traffic = Traffic(box)
    old = managers(box)
    bad = packages.change_deb(deb, str(tmp_path), packages.break_program)
    result = box.try_run("dpkg", "-i", box.put(bad))
    assert result.returncode == 0 and "did not hand over" in result.stderr, result
    traffic.end_without_failure()
    assert list(managers(box)) == list(old)
    assert "handed over to the new program" in install(box, deb, "--reinstall"), "a good one mends it"
    assert is_ready(box)


def test_update_is_one_of_all_that_run_from_there(box, older_deb, deb):
    """Without systemd they are found among the processes."""
    install(box, older_deb)
    start(box)
    box.start("/usr/sbin/weldr", "--ephemeral", "--ip", "127.0.0.1:8081", "--admin-ip", "127.0.0.1:8688")
    box.run("cp", "/usr/sbin/weldr", "/usr/local/sbin/weldr")
    other = box.start("/usr/local/sbin/weldr", "--ephemeral", "--ip", "127.0.0.1:8082", "--admin-ip", "127.0.0.1:8689")
    for port in (8688, 8689):
        wait_until(lambda port=port: curl(box, f"127.0.0.1:{port}/ready").returncode == 0, 60, "weldr to be ready")
    old = managers(box)
    assert install(box, deb).count("handed over to the new program") == 2
    assert sum(managers(box).values()) == 2 and len(old) == 2 and other.poll() is None
    for port in (8687, 8688, 8689):
        assert curl(box, f"127.0.0.1:{port}/ready").returncode == 0


def test_settings_that_were_changed_survive_other_settings(box, older_deb, deb, tmp_path):
    """dpkg asks; this is the answer that it has by default."""
    install(box, older_deb)
    box.put_text("/etc/default/weldr", SETTINGS)
    other = packages.change_deb(deb, str(tmp_path), packages.change_settings)
    install(box, other, "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
    assert box.read("/etc/default/weldr") == SETTINGS
    assert "not there before" in box.read("/etc/default/weldr.dpkg-dist")
    apt(box, "purge", "weldr")
    assert not box.try_run("sh", "-c", "ls -d /etc/default/weldr*").stdout


@BOTH
def test_remove_keeps_and_purge_drops(box, deb):
    before = box.files()
    install(box, deb)
    start(box, SETTINGS + "WELDR_ACCESS_LOG=/var/log/weldr/access.log\n")
    traffic = Traffic(box)
    traffic.end_without_failure()
    apt(box, "remove", "weldr")
    assert not box.exists("/usr/sbin/weldr") and box.exists("/etc/default/weldr")
    assert box.exists("/var/lib/weldr/node") and box.exists("/var/log/weldr/access.log")
    assert is_ready(box) != box.booted, "systemd has stopped it; who started it by hand ends it, too"
    apt(box, "purge", "weldr")
    left = {path for path in box.files() - before if not re.match(r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-$", path)}
    assert (left, before - box.files()) == (set(), set())


def test_lintian_has_no_errors(deb):
    result = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", deb], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
