"""Issue 15, must hold 2: the package for rpm, in a root of rpm's own that the test makes."""

import os
import subprocess

import pytest

from machine import run


@pytest.fixture(name="place")
def make_place(tmp_path):
    """Only files: no shell is in it, so the package's scripts don't run."""
    place = str(tmp_path / "root")
    os.makedirs(place + "/var/lib/rpm")
    run("rpm", "--root", place, "--initdb")
    return place


def rpm(place, *words):
    return subprocess.run(["rpm", "--root", place, *words], capture_output=True, text=True, check=False)


def install(place, package):
    result = rpm(place, "-U", "--noscripts", "--nodeps", package)
    assert result.returncode == 0, result.stderr


def test_installs_and_verifies(place, rpm_package):
    install(place, rpm_package)
    verified = rpm(place, "-V", "--nodeps", "weldr")
    assert verified.returncode == 0 and verified.stdout == "", verified
    assert "weldr 0." in run("chroot", place, "/usr/sbin/weldr", "--version")


def test_settings_that_were_changed_survive(place, rpm_package):
    install(place, rpm_package)
    with open(place + "/etc/default/weldr", "w", encoding="utf-8") as file:
        file.write("WELDR_WORKERS=2\n")
    result = rpm(place, "-U", "--noscripts", "--nodeps", "--replacepkgs", rpm_package)
    assert result.returncode == 0, result.stderr
    with open(place + "/etc/default/weldr", encoding="utf-8") as file:
        assert file.read() == "WELDR_WORKERS=2\n"


def test_removal_keeps_what_was_described(place, rpm_package):
    install(place, rpm_package)
    os.makedirs(place + "/var/lib/weldr/node")
    assert rpm(place, "-e", "--noscripts", "weldr").returncode == 0
    assert os.path.exists(place + "/var/lib/weldr/node") and not os.path.exists(place + "/usr/sbin/weldr")


def test_scripts_are_shell(rpm_package, tmp_path):
    for tag in ("PREIN", "POSTIN", "PREUN", "POSTUN"):
        script = tmp_path / tag
        script.write_text(run("rpm", "-qp", "--qf", f"%{{{tag}}}", rpm_package))
        assert len(script.read_text()) > 20
        run("sh", "-n", str(script))
