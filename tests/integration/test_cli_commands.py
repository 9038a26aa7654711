"""weldr server, pool, listener, rule, cert, stats, events, explain: commands for the API of a weldr that runs."""

import json
import os
import signal
import subprocess
import tempfile

import pytest

from ports import Port
from test_cli import is_one_clear_line
from weldr import BIN, clean_environment, run_weldr

NO_CHECK = "check.type=none"


def run(weldr, *arguments, env=None):
    host, port = weldr.admin
    return run_weldr(*arguments, env={"WELDR_API": f"http://{host}:{port}", **(env or {})})


def good(weldr, *arguments, **more):
    result = run(weldr, *arguments, **more)
    assert result.returncode == 0 and result.stderr == "", result
    return result.stdout


def columns(text):
    """The rows of a table by its heading."""
    head, *rows = [line.split() for line in text.splitlines()]
    return [dict(zip(head, row)) for row in rows]


@pytest.mark.smoke
def test_servers(lab):
    weldr = lab.weldr()
    assert "http://127.0.0.1:1" in good(weldr, "server", "add", "http://127.0.0.1:1", "weight=3", "meta.zone=a", NO_CHECK)
    server = weldr.servers()[0]
    assert server["weight"] == 3 and server["meta"] == {"zone": "a"} and server["check"]["type"] == "none"
    row, = columns(good(weldr, "server", "ls"))
    assert (row["ID"], row["URL"], row["WEIGHT"], row["STATE"]) == (server["id"], server["url"], "3", "active")
    assert json.loads(good(weldr, "server", "ls", "--json"))["servers"][0]["id"] == server["id"]
    good(weldr, "server", "set", "127.0.0.1:1", "weight=7", "--wait")
    lines = dict(line.split(None, 1) for line in good(weldr, "server", "show", server["id"]).splitlines())
    assert lines["weight"] == "7" and lines["meta.zone"] == "a"
    good(weldr, "server", "drain", "http://127.0.0.1:1")
    assert weldr.servers()[0]["admin"] == "draining"
    good(weldr, "server", "resume", "127.0.0.1:1")
    assert "remove server" in good(weldr, "server", "rm", "127.0.0.1:1", "-n") and len(weldr.servers()) == 1
    good(weldr, "server", "rm", "http://127.0.0.1:1", "--wait", "--timeout", "10s")
    assert weldr.servers() == [] and columns(good(weldr, "server", "ls")) == []


def test_objects(lab):
    weldr = lab.weldr()
    assert "web" in good(weldr, "pool", "add", "web", "policy=p2c", "drain_ms=1000", NO_CHECK)
    good(weldr, "server", "add", "http://127.0.0.1:1", "--pool", "web")
    assert [row["NAME"] for row in columns(good(weldr, "pool", "ls"))] == ["default", "web"]
    good(weldr, "server", "rm", "http://127.0.0.1:1", "-p", "web")
    good(weldr, "pool", "set", "web", "drain_ms=null")
    assert json.loads(good(weldr, "pool", "show", "web", "--json"))["drain_ms"] == 300000
    good(weldr, "listener", "add", "shop", f"addresses+={Port().text}")
    good(weldr, "rule", "add", "shop", "10", "name=gone", "action.fixed.status=410")
    row, = columns(good(weldr, "rule", "ls", "shop"))
    assert (row["PRIORITY"], row["NAME"]) == ("10", "gone")
    assert "410" in good(weldr, "explain", "http://shop.example/cart?a=1", "listener=shop", "method=POST")
    good(weldr, "rule", "set", "shop", "10", "name=left")
    assert "left" in good(weldr, "rule", "show", "shop", "10")
    for words in (["rule", "rm", "shop", "10"], ["listener", "rm", "shop"], ["pool", "rm", "web"]):
        assert good(weldr, *words).startswith("/"), words
    assert [row["NAME"] for row in columns(good(weldr, "pool", "ls"))] == ["default"]
    assert int(dict(line.split(None, 1) for line in good(weldr, "stats").splitlines())["revision"]) > 5
    kinds = [row["KIND"] for row in columns(good(weldr, "events"))]
    assert "pool_added" in kinds, kinds
    good(weldr, "node", "show")


def test_refusals_name_field_and_reason(lab):
    weldr = lab.weldr()
    for words, code, said in (
            (["server", "add", "http://127.0.0.1:1", "weight=no"], 1, ("weight",)),
            (["server", "add", "http://127.0.0.1:1", "colour=red"], 1, ("colour", "unknown_key")),
            (["server", "rm", "127.0.0.1:9"], 1, ("not_found",)),
            (["server", "show", "http://127.0.0.1:9"], 1, ("http://127.0.0.1:9",)),
            (["pool", "rm", "default"], 1, ("default",)),
            (["server", "ls", "state=nonsense"], 1, ("state",)),
            (["server", "add"], 2, ("URL",)), (["server", "sit"], 2, ("add, set",)),
            (["server", "ls", "--wait"], 2, ("--wait",)), (["server", "add", "u", "a=[1"], 2, ("a:",)),
            (["stats", "--api", "https://127.0.0.1:1"], 2, ("https", "not supported")),
            (["stats", "--api", "nowhere"], 2, ("nowhere",)),
            (["stats", "--token-file", "/nowhere"], 2, ("--token-file",)),
            (["stats", "--api", "http://127.0.0.1:1"], 3, ("http://127.0.0.1:1", "refused")),
            (["stats", "--api", "unix:/nowhere"], 3, ("unix:/nowhere",))):
        is_one_clear_line(run(weldr, *words), code, *said)
    assert weldr.servers() == []


def test_somebody_else_responds(lab):
    """An address where something else listens is no API: one line, and no crash."""
    weldr = lab.weldr()
    origin = lab.origin()
    for words in (["server", "ls"], ["events", "-f"], ["stats"]):
        result = run(weldr, *words, "--api", f"http://127.0.0.1:{origin.port}")
        assert result.returncode in (1, 3) and result.stderr.startswith("error: ") and result.stderr.count("\n") == 1, result


def test_socket_and_tokens(lab):
    with tempfile.TemporaryDirectory(prefix="weldr-") as folder:
        path, token = os.path.join(folder, "api"), os.path.join(folder, "token")
        with open(token, "w", encoding="ascii") as file:
            file.write("sesame\n")
        weldr = lab.weldr("--admin-socket", path, "--admin-token-required", token="sesame", env={"WELDR_ADMIN_TOKEN": "sesame"})
        good(weldr, "server", "add", "http://127.0.0.1:1", NO_CHECK, "--api", f"unix:{path}")
        is_one_clear_line(run(weldr, "server", "ls"), 1, "unauthorized")
        assert len(columns(good(weldr, "server", "ls", "--token-file", token))) == 1
        assert len(columns(good(weldr, "server", "ls", env={"WELDR_TOKEN": "sesame"}))) == 1


def test_events_follow(lab):
    weldr = lab.weldr()
    host, port = weldr.admin
    since = json.loads(good(weldr, "events", "--json"))["next"]
    follower = subprocess.Popen([BIN, "events", "-f", "kind=pool_added", f"since={since}", "--api", f"http://{host}:{port}"], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
    try:
        for name in ("one", "two"):
            good(weldr, "pool", "add", name)
        lines = [follower.stdout.readline() for _ in range(2)]
        assert ["pool_added" in line for line in lines] == [True, True] and "one" in lines[0] and "two" in lines[1], lines
        weldr.signal(signal.SIGTERM)
        assert follower.wait(timeout=30) == 3 and follower.stderr.read().startswith("error: the API at ")
    finally:
        follower.kill()
        follower.wait()
        follower.stdout.close()
        follower.stderr.close()


@pytest.mark.smoke
def test_help():
    result = run_weldr("help")
    assert result.returncode == 0
    for words in ("server add URL", "rule rm LISTENER PRIORITY", "--token-file", "WELDR_API", "Exit codes"):
        assert words in result.stdout, words
    result = run_weldr("server", "rm", "--help")
    assert result.returncode == 0 and "--wait" in result.stdout and "KEY=VALUE" not in result.stdout
    assert run_weldr("pool", "--help").stdout.count("weldr pool") == 5


def complete(*words):
    """What bash offers for the last word."""
    script = run_weldr("completion", "bash").stdout + f'COMP_WORDS=({" ".join(repr(word) for word in words)})\n' \
        f'COMP_CWORD={len(words) - 1}\n_weldr\nprintf "%s\\n" "${{COMPREPLY[@]}}"\n'
    result = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=20, check=True)
    assert result.stderr == ""
    return result.stdout.split()


def test_bash_completes():
    assert complete("weldr", "se") == ["server"]
    assert complete("weldr", "--admin-s") == ["--admin-socket"]
    assert complete("weldr", "server", "d") == ["drain"] and "rm" in complete("weldr", "server", "")
    assert complete("weldr", "server", "rm", "--w") == ["--wait"]
    assert complete("weldr", "server", "show", "http://127.0.0.1", "--w") == []
    assert complete("weldr", "events", "--f") == ["--follow"] == complete("weldr", "events", "kind=x", "--f")
    assert complete("weldr", "nonsense", "") == [] == complete("weldr", "nonsense", "x", "--")


def test_zsh_and_the_manual_page():
    zsh = run_weldr("completion", "zsh").stdout
    assert zsh.startswith("#compdef weldr\n") and '"server add") list="--api ' in zsh
    page = run_weldr("completion", "man").stdout
    assert page.startswith(".TH WELDR 1 ") and "weldr server add URL [KEY=VALUE...]" in page and "\\-\\-token\\-file FILE" in page
    assert [line for line in page.splitlines() if line.startswith("'")] == []
    is_one_clear_line(run_weldr("completion", "fish"), 2, "fish", "bash, zsh and man")
