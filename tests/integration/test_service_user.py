"""A manager of a user of its own, who has CAP_NET_BIND_SERVICE as an ambient capability: what contrib/weldr.service makes of it."""

import os

import pytest
import weldr as harness
from heirs import take_orphans, upgrade
from weldr import run_weldr, status_field

NET_BIND_SERVICE = 1 << 10
WRAPPER = """#!/bin/sh
exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all,+net_bind_service \\
    --inh-caps -all,+net_bind_service --ambient-caps -all,+net_bind_service {program} "$@"
"""


@pytest.fixture(name="start")
def make_start(lab, tmp_path, monkeypatch):
    """start(): such a weldr, in a network namespace, where ports below 1024 want a capability."""
    wrapper = tmp_path / "weldr"
    wrapper.write_text(WRAPPER.format(program=os.path.abspath(harness.BIN)), encoding="ascii")
    wrapper.chmod(0o755)
    namespace = lab.namespace()

    def start(**more):
        monkeypatch.setattr(harness, "BIN", str(wrapper))
        return lab.weldr(namespace=namespace, **more)

    return start


def held(pid, kind="CapEff"):
    return int(status_field(pid, kind), 16)


def listen(weldr, name, port):
    answer = weldr.api("POST", "/listeners", {"name": name, "addresses": [f"127.0.0.1:{port}"]})
    assert answer.status == 201, answer


def test_low_ports_before_and_after_an_upgrade(start):
    take_orphans()
    weldr = start(ip="127.0.0.1:80")
    listen(weldr, "one", 81)
    upgrade(weldr)
    assert held(weldr.pid) == NET_BIND_SERVICE and "65534" in status_field(weldr.pid, "Uid").split()
    listen(weldr, "two", 82)


def test_workers_have_none_of_it(start):
    weldr = start(workers=2)
    for pid in weldr.worker_pids():
        assert not any(held(pid, kind) for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"))
        assert status_field(pid, "NoNewPrivs") == "1"


def test_another_user_for_workers_is_refused(start, monkeypatch, tmp_path):
    del start
    monkeypatch.setattr(harness, "BIN", str(tmp_path / "weldr"))
    done = run_weldr("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0", "--user", "1")
    assert done.returncode == 2 and "only root" in done.stderr


def test_credentials_stand_for_flags(lab, tmp_path):
    """As systemd gives them: files of fixed names in a folder that a variable names."""
    folder = tmp_path / "credentials"
    folder.mkdir(mode=0o700)
    for name, data in (("weldr.admin-token", b"a-secret\n"), ("weldr.node-key", os.urandom(32))):
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o400)
    node = tmp_path / "node"
    weldr = lab.weldr("--data-dir", str(node), "--admin-token-required", token="a-secret",
                      env={"WELDR_EPHEMERAL": "", "CREDENTIALS_DIRECTORY": str(folder)})
    assert weldr.api("GET", "/servers").status == 200
    assert weldr.api("GET", "/servers", headers={"Authorization": "Bearer another"}).status == 401
    assert not (node / "node.key").exists(), "it is the credential"
    take_orphans()
    upgrade(weldr)
    assert weldr.api("GET", "/servers").status == 200
