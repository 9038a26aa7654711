"""--ip A:P,tls with --certificate and --certificate-key: a listener https from the start, whose certificates follow their files."""

import os
import shutil
import signal

import pytest

import tls_files as t
from failures import is_problem
from rawhttp import wait_until
from weldr import clean_environment, run_weldr  # noqa: F401

LOCAL = ("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0")
TLS = ("--ip", "127.0.0.1:0,tls")


@pytest.fixture
def root():
    return t.authority()


def shown(weldr):
    return {c["name"]: c for c in weldr.api("GET", "/certificates").json["certificates"]}


def fingerprint(weldr, name):
    return shown(weldr)[name]["fingerprint"]


def listener(weldr, name="https"):
    return weldr.api("GET", f"/listeners/{name}").json


class Files:
    """A pair of files that are written anew."""

    def __init__(self, folder, pair):
        self.chain, self.key = str(folder / "fullchain.pem"), str(folder / "privkey.pem")
        self.write(pair)

    def write(self, pair):
        shutil.copy(pair.key_path, self.key)
        shutil.copy(pair.chain_path, self.chain)

    @property
    def flags(self):
        return ("--certificate", self.chain, "--certificate-key", self.key)


@pytest.mark.smoke
def test_a_listener_from_flags(lab, root):
    pair, other = root.issue("a.test", "b.test"), root.issue("*.c.test")
    weldr = lab.weldr(*TLS, "--certificate", pair.chain_path, "--certificate-key", pair.key_path,
                      "--certificate", other.chain_path, "--certificate-key", other.key_path)
    https = listener(weldr)
    assert https["protocol"] == "https" and len(https["addresses"]) == 1 and https["default_action"] == {"forward": [{"pool": "default", "weight": 1}]}
    assert https["bound"][0]["state"] == "open"
    assert listener(weldr, "default")["protocol"] == "http" and len(listener(weldr, "default")["addresses"]) == 1
    found = shown(weldr)
    assert set(found) == {"a.test", "wildcard.c.test"}
    assert found["a.test"]["fingerprint"] == pair.fingerprint and found["wildcard.c.test"]["fingerprint"] == other.fingerprint
    assert all(c["source"] == "file" and c["listeners"] == ["https"] for c in found.values())


def test_addresses_with_and_without_proxy(lab, root):
    pair = root.issue("a.test")
    weldr = lab.weldr(*TLS, "--ip", "127.0.0.1:0,tls,proxy", "--ip", "127.0.0.1:0,proxy", "--certificate", pair.one_file())
    found = {name["name"]: name for name in weldr.api("GET", "/listeners").json["listeners"]}
    assert {name: (l["protocol"], l["proxy_protocol"]) for name, l in found.items()} == {
        "default": ("http", False), "https": ("https", False), "https-proxy": ("https", True), "proxy": ("http", True)}


def test_variables_do_the_same(lab, root):
    pair, other = root.issue("a.test"), root.issue("a.test", key="rsa")
    env = {"WELDR_CERTIFICATE": f"{pair.chain_path},{other.chain_path}", "WELDR_CERTIFICATE_KEY": f"{pair.key_path},{other.key_path}"}
    weldr = lab.weldr(*TLS, env=env)
    found = shown(weldr)
    assert set(found) == {"a.test", "a.test-2"}
    assert found["a.test-2"]["key_type"] == "rsa"


def test_the_api_does_not_change_what_follows_a_file(lab, root):
    pair, other = root.issue("a.test"), root.issue("a.test", again=1)
    weldr = lab.weldr(*TLS, "--certificate", pair.one_file())
    is_problem(weldr.api("PUT", "/certificates/a.test", other.body()), 409, "of_file")
    is_problem(weldr.api("DELETE", "/certificates/a.test"), 409, "of_file")
    assert weldr.api("POST", "/certificates", other.body(name="mine")).status == 201
    assert weldr.api("DELETE", "/certificates/mine").status == 200


@pytest.mark.parametrize("how", ["write", "rename", "link"])
def test_files_are_followed(lab, root, tmp_path, how):
    """As editors, acme.sh and certbot (a symbolic link to another file) do it."""
    first, second = root.issue("a.test"), root.issue("a.test", again=1)
    if how == "link":
        for number, pair in enumerate((first, second)):
            shutil.copytree(pair.folder, tmp_path / f"archive{number}")
        live = tmp_path / "live"
        live.mkdir()
        for name in ("chain.pem", "key.pem"):
            os.symlink(f"../archive0/{name}", live / name)
        weldr = lab.weldr(*TLS, "--certificate", str(live / "chain.pem"), "--certificate-key", str(live / "key.pem"))
        for name in ("key.pem", "chain.pem"):
            os.unlink(live / name)
            os.symlink(f"../archive1/{name}", live / name)
    else:
        files = Files(tmp_path, first)
        weldr = lab.weldr(*TLS, *files.flags)
        if how == "write":
            files.write(second)
        else:
            for source, to in ((second.key_path, files.key), (second.chain_path, files.chain)):
                shutil.copy(source, to + ".new")
                os.rename(to + ".new", to)
    wait_until(lambda: fingerprint(weldr, "a.test") == second.fingerprint, 15, "the new certificate")
    weldr.wait_log(msg="certificate set", certificate="a.test")


def test_bad_files_leave_it_as_it_was(lab, root, tmp_path):
    first, second, other = root.issue("a.test"), root.issue("a.test", again=1), root.issue("b.test")
    files = Files(tmp_path, first)
    weldr = lab.weldr(*TLS, *files.flags)
    shutil.copy(other.key_path, files.key)
    (line,) = weldr.wait_log(msg="certificate stays as it was", certificate="a.test")
    assert line["file"] == files.key and "PRIVATE" not in line["error"] and line["level"] == "warn"
    with open(files.chain, "w") as file:
        file.write("not a certificate\n")
    weldr.wait_log(msg="certificate stays as it was", file=files.chain)
    expired = t.expired(root, "a.test")
    files.write(expired)
    wait_until(lambda: [x for x in weldr.lines(msg="certificate stays as it was") if "has expired" in x["error"]], 15, "the warning")
    assert fingerprint(weldr, "a.test") == first.fingerprint
    files.write(second)
    wait_until(lambda: fingerprint(weldr, "a.test") == second.fingerprint, 15, "the new certificate")


def test_sighup_reads_again(lab, root, tmp_path):
    first, second = root.issue("a.test"), root.issue("a.test", again=1)
    files = Files(tmp_path, first)
    weldr = lab.weldr(*TLS, *files.flags)
    files.write(second)
    weldr.signal(signal.SIGHUP)
    wait_until(lambda: fingerprint(weldr, "a.test") == second.fingerprint, 15, "the new certificate")
    assert weldr.process.poll() is None


def test_one_that_has_expired_is_told_of_at_the_start(lab, root):
    pair = t.expired(root, "a.test")
    weldr = lab.weldr(*TLS, "--certificate", pair.one_file())
    (line,) = weldr.lines(msg="certificate needs to be looked at")
    assert line["certificate"] == "a.test" and "has expired" in line["reason"]
    assert shown(weldr)["a.test"]["days_left"] == 0


def test_what_is_wrong_ends_the_start(root, tmp_path):
    pair, other = root.issue("a.test"), root.issue("b.test")
    encrypted = tmp_path / "encrypted.pem"
    encrypted.write_text(pair.encrypted_key())
    cases = [
        ((), "--ip with tls needs a certificate: --certificate FILE"),
        (("--certificate", str(tmp_path / "none")), f"--certificate {tmp_path}/none: it can't be read: not found"),
        (("--certificate", pair.chain_path), f"--certificate {pair.chain_path}: "),
        (("--certificate", pair.chain_path, "--certificate-key", other.key_path), f"--certificate-key {other.key_path}: "),
        (("--certificate", pair.chain_path, "--certificate-key", str(encrypted)), "openssl"),
        (("--certificate", pair.chain_path, "--certificate", other.chain_path, "--certificate-key", pair.key_path), "once for each"),
        (("--certificate", "/dev/zero"), "--certificate /dev/zero: it can't be read: over a limit"),
    ]
    for flags, words in cases:
        result = run_weldr(*LOCAL, *TLS, *flags)
        lines = result.stderr.splitlines()
        assert result.returncode == 2 and len(lines) == 1, result
        assert lines[0].startswith("error: ") and words in lines[0], lines
