"""weldr cluster export and import: a cluster as one file, whose private keys need the key of the node."""

import http.client
import json
import os
import shutil
import socket
import ssl
import stat
import tempfile

import pytest

import tls_files as t
from failures import is_problem
from ports import Port
from test_cli import is_one_clear_line
from test_cli_commands import good, run
from weldr import split_address

NO_CHECK = {"type": "none"}
MANY = 100  # certificates of 5 KB


def describe(weldr):
    pair = t.authority().issue("shop.test")
    assert weldr.api("POST", "/certificates", pair.body(name="shop")).status == 201
    assert weldr.api("POST", "/pools", {"name": "web", "policy": "p2c", "check": NO_CHECK}).status == 201
    assert weldr.api("POST", "/pools/web/servers", {"url": "http://127.0.0.1:1", "weight": 3}).status == 201
    port = Port()
    listener = {"name": "shop", "addresses": [port.text], "protocol": "https", "tls": {"certificates": ["shop"]}}
    assert weldr.api("POST", "/listeners", listener).status == 201
    return pair


def private_lines(pair):
    """What no file and no response may hold of a key: each line of its PEM."""
    with open(pair.key_path, encoding="utf-8") as file:
        return [line for line in file.read().splitlines() if "-----" not in line]


def test_what_was_exported_is_built_anew_elsewhere(lab, tmp_path):
    first = lab.weldr("--data-dir", str(tmp_path / "one"))
    pair = describe(first)
    path, key = tmp_path / "backup.json", tmp_path / "one.key"
    good(first, "cluster", "export", str(path))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    text = path.read_text(encoding="utf-8")
    backup = json.loads(text)
    assert not any(line in text for line in private_lines(pair)) and [c["name"] for c in backup["certificates"]] == ["shop"]
    told = run(first, "cluster", "export", str(path))
    is_one_clear_line(told, 1)
    assert path.read_text(encoding="utf-8") == text
    shutil.copy(tmp_path / "one" / "node.key", key)
    first.stop()

    for listener in backup["listeners"]:  # the ports of the first are still known there
        listener["addresses"] = [Port().text]
    path.write_text(json.dumps(backup), encoding="utf-8")
    second = lab.weldr("--data-dir", str(tmp_path / "two"))
    for file, code, words in ((tmp_path / "two" / "node.key", 2, "is not closed with the key"), (tmp_path / "none", 1, "can't open it"),
                              (path, 1, "is no key")):
        told = run(second, "cluster", "import", str(path), "--node-key-file", str(file))
        is_one_clear_line(told, code, words)
    assert run(second, "cluster", "import", str(path)).returncode == 2
    assert second.api("GET", "/certificates").json["certificates"] == []

    made = good(second, "cluster", "import", str(path), "--node-key-file", str(key)).splitlines()
    assert {"+ certificate shop", "+ pool web", "+ server http://127.0.0.1:1 of pool web", "+ listener shop"} <= set(made), made
    again = json.loads(good(second, "export"))
    assert (again["pools"], again["listeners"]) == (backup["pools"], backup["listeners"])
    context = ssl.create_default_context(cafile=t.authority().path)
    address = next(entry for entry in again["listeners"] if entry["name"] == "shop")["addresses"][0]
    client = context.wrap_socket(socket.create_connection(split_address(address)), server_hostname="shop.test")
    client.close()  # the private key is the right one
    assert good(second, "cluster", "import", str(path), "--node-key-file", str(key)).splitlines() == ["+ certificate shop"]


def test_what_keeps_nothing_exports_nothing(weldr, tmp_path):
    is_problem(weldr.api("POST", "/cluster/export"), 409, "nothing_kept")
    told = run(weldr, "cluster", "export", str(tmp_path / "backup"))
    assert told.returncode == 1 and "nothing_kept" in told.stderr and not (tmp_path / "backup").exists()


def begin_export(path):
    connection = http.client.HTTPConnection("any-name.example", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    connection.sock.connect(path)
    connection.request("POST", "/cluster/export")
    return connection.getresponse()  # the rest of it is more than the kernel takes


def test_an_export_is_of_one_moment(lab, tmp_path):
    """It goes page by page, as its reader takes it; one that can't be what it was at its beginning is broken off."""
    body = t.authority().issue(*(f"{'a' * 40}-{number}.test" for number in range(60))).body()
    names = [f"c{number}" for number in range(MANY)]
    with tempfile.TemporaryDirectory(prefix="weldr-") as folder:
        path = os.path.join(folder, "api")
        weldr = lab.weldr("--data-dir", str(tmp_path / "one"), "--admin-socket", path)
        for name in names:
            assert weldr.api("POST", "/certificates", {**body, "name": name}).status == 201
        response = begin_export(path)
        assert weldr.api("DELETE", "/certificates/c0").status == 200  # it was told
        assert weldr.api("POST", "/certificates", {**body, "name": "late"}).status == 201
        text = response.read()
        told = json.loads(text)
        assert len(text) > 400000 and [c["name"] for c in told["certificates"]] == names
        assert told["revision"] == int(response.headers["X-Weldr-Revision"])
        response = begin_export(path)
        assert weldr.api("DELETE", "/certificates/late").status == 200
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()
        weldr.wait_log(msg="an export is broken off: certificates were changed meanwhile")
        assert [c["name"] for c in weldr.api("POST", "/cluster/export").json["certificates"]] == names[1:]
