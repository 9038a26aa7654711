"""Issue 15, must hold 2: the package for rpm, in a machine with a database of rpm's own; its scripts run there, as on any other."""

import re

import pytest

import packages
from conftest import SERVICE
from traffic import PROGRAM, SETTINGS, Traffic, is_ready, main_process, managers, start

CONTAINER = (SERVICE[0], False)
BOTH = pytest.mark.parametrize("box", (CONTAINER, SERVICE), indirect=True, ids=("container", "systemd"))


# Debian's own tells at each installation that alien is there for that.
RPM = """#!/bin/sh
code=0
/usr/bin/rpm "$@" 2>/tmp/rpm-errors || code=$?
sed '/^rpm: RPM should not be used/d; /^rpm: However assuming/d' /tmp/rpm-errors >&2
exit $code
"""

KEPT = ("/var/lib/weldr", "/var/log/weldr", "/etc/default/weldr.rpmsave", "/usr/local/sbin/weldr")


def install(box, package, how="-i"):
    result = box.try_run("/usr/local/bin/rpm", how, box.put(package))
    assert result.returncode == 0, result
    return result.stdout + result.stderr


def make_database(box, folder):
    box.put_text("/usr/local/bin/rpm", RPM)
    box.run("chmod", "755", "/usr/local/bin/rpm")
    box.run("rpm", "--initdb")
    assert install(box, packages.make_system(folder)) == ""


@pytest.fixture(autouse=True)
def make_box_of_rpm(box, tmp_path):
    make_database(box, str(tmp_path))


def verify(box):
    verified = box.try_run("rpm", "-V", "weldr")
    assert (verified.returncode, verified.stdout) == (0, ""), verified


@BOTH
def test_installs_and_answers(box, rpm_package):
    assert not re.search("(?i)warning|error|fail", install(box, rpm_package))
    verify(box)
    assert "weldr 0." in box.run("weldr", "--version")
    assert box.run("getent", "passwd", "weldr").endswith(":/nonexistent:/usr/sbin/nologin\n")
    assert box.run("stat", "-c", "%a", "/var/lib/weldr", "/var/log/weldr", "/run/weldr") == "700\n755\n755\n"
    assert not managers(box), "who has rpm starts it when it is set up"
    start(box)
    if box.booted:
        assert box.run("stat", "-c", "%U", f"/proc/{main_process(box)}") == "weldr\n"
        verified = box.try_run("systemd-analyze", "verify", "--man=no", "--recursive-errors=one", "weldr.service")
        assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


@pytest.mark.parametrize("box", (CONTAINER,), indirect=True)
def test_makes_its_user_without_systemd(box, rpm_package):
    box.run("rm", "/usr/bin/systemd-sysusers")
    assert install(box, rpm_package) == ""
    assert box.run("getent", "passwd", "weldr").endswith(":/nonexistent:/usr/sbin/nologin\n")
    assert box.run("id", "-gn", "weldr") == "weldr\n"
    verify(box)
    start(box)


@BOTH
def test_update_under_load(box, older_rpm, rpm_package):
    install(box, older_rpm)
    start(box)
    traffic = Traffic(box)
    old = managers(box)
    digest = box.run("sha256sum", PROGRAM)
    assert "handed over to the new program" in install(box, rpm_package, "-U")
    traffic.end_without_failure()
    assert box.run("rpm", "-q", "--qf", "%{RELEASE}", "weldr") == "1" and box.run("sha256sum", PROGRAM) != digest
    new = managers(box)
    assert not any(new[pid] for pid in new if pid in old) and sum(new.values()) == 1, (old, new)
    assert box.read("/etc/default/weldr") == SETTINGS
    if box.booted:
        assert new[main_process(box)] and box.run("systemctl", "show", "-p", "NRestarts", "--value", "weldr") == "0\n"
        assert box.run("systemctl", "is-enabled", "weldr") == "enabled\n"


@pytest.mark.parametrize("box", (SERVICE,), indirect=True)
def test_an_update_that_cannot_start_leaves_the_old_one(box, older_rpm, rpm_package, tmp_path):
    install(box, older_rpm)
    start(box)
    traffic = Traffic(box)
    old = managers(box)
    bad = packages.change_rpm(rpm_package, str(tmp_path), packages.break_program, "2")
    assert "did not hand over" in install(box, bad, "-U")
    traffic.end_without_failure()
    assert list(managers(box)) == list(old) and is_ready(box)


@pytest.mark.parametrize("box", (CONTAINER,), indirect=True)
def test_settings_that_were_changed_survive_other_settings(box, rpm_package, tmp_path):
    install(box, rpm_package)
    box.put_text("/etc/default/weldr", SETTINGS)
    install(box, packages.change_rpm(rpm_package, str(tmp_path), packages.change_settings, "2"), "-U")
    assert box.read("/etc/default/weldr") == SETTINGS
    assert "not there before" in box.read("/etc/default/weldr.rpmnew")


@BOTH
def test_removal_keeps_what_was_described(box, rpm_package):
    """And touches no other Weldr."""
    before = box.files()
    install(box, rpm_package)
    start(box)
    box.run("cp", PROGRAM, "/usr/local/sbin/weldr")
    other = box.start("/usr/local/sbin/weldr", "--ephemeral", "--ip", "127.0.0.1:8081", "--admin-ip", "127.0.0.1:8688")
    assert box.try_run("rpm", "-e", "weldr").returncode == 0
    assert is_ready(box) != box.booted, "systemd has stopped it; who started it by hand ends it, too"
    assert other.poll() is None and box.run_beside("curl", "-sf", "127.0.0.1:8688/ready").returncode == 0
    kept = {path for path in box.files() - before if not re.match(r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-$", path)}
    assert "/var/lib/weldr/node" in kept
    assert not [path for path in kept if not path.startswith(KEPT)], kept
    assert before <= box.files()
    if box.booted:
        assert box.try_run("systemctl", "is-enabled", "weldr").returncode != 0
