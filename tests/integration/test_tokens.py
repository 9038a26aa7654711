"""Tokens of the API: names and roles from a file, read again at SIGHUP, told in no place where they could be read."""

import signal

import origins as o
import pytest
from rawhttp import Client
from test_auth import bearer, is_unauthorized
from weldr import ask_http, run_weldr

ADMIN, READER, OTHER = "deploy-6f1c9e2a", "looker-55aa0b1c", "fresh-7d20ff34"
LINES = f"# who may drive it\ndeploy:{ADMIN}:admin\n\nlooker:{READER}:read\n"
LOCAL = ("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0")
SERVER = {"url": "http://127.0.0.1:1", "check": {"type": "none"}}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(LINES)
    path.chmod(0o600)
    return path


@pytest.fixture
def weldr(lab, file):
    """Callers of this machine need a token too."""
    return lab.weldr("--admin-tokens-file", str(file), "--admin-token-required", token=ADMIN)


def ask(weldr, method, path, token, body=None):
    return ask_http(weldr.admin, method, path, body, bearer(token) if token else None)


@pytest.mark.smoke
def test_required_on_loopback_too(weldr):
    is_unauthorized(ask(weldr, "GET", "/servers", None))
    is_unauthorized(ask(weldr, "GET", "/servers", "wrong"))
    is_unauthorized(ask(weldr, "POST", "/servers", READER + "x", SERVER))
    assert ask(weldr, "GET", "/servers", ADMIN).status == 200
    for path in ("/health", "/ready"):
        assert ask(weldr, "GET", path, None).status == 200


@pytest.mark.smoke
def test_role_read_reads_and_changes_nothing(weldr):
    assert ask(weldr, "POST", "/servers", ADMIN, SERVER).status == 201
    for path in ("/", "/servers", "/servers/127.0.0.1/1", "/stats", "/workers", "/node", "/explain?path=/"):
        assert ask(weldr, "GET", path, READER).status == 200, path
        assert ask(weldr, "HEAD", path, READER).status == 200, path
    for method, path, body in (("POST", "/servers", SERVER), ("PATCH", "/servers/127.0.0.1/1", {"weight": 2}),
                               ("PUT", "/servers/127.0.0.1/1", SERVER), ("DELETE", "/servers/127.0.0.1/1", None),
                               ("POST", "/servers/127.0.0.1/1/drain", None), ("PATCH", "/node", {"log_level": "debug"}),
                               ("PATCH", "/pools/default", {"drain_ms": 1}), ("OPTIONS", "/servers", None)):
        answer = ask(weldr, method, path, READER, body)
        assert (answer.status, answer.json["code"]) == (403, "read_only_token"), (method, path, answer)
    assert ask(weldr, "GET", "/servers/127.0.0.1/1", ADMIN).json["weight"] == 1
    assert ask(weldr, "DELETE", "/servers/127.0.0.1/1", ADMIN).status == 200


def test_a_role_counts_where_no_token_is_needed(lab, file):
    weldr = lab.weldr("--admin-tokens-file", str(file))
    assert ask(weldr, "POST", "/servers", READER, SERVER).status == 403
    assert ask(weldr, "POST", "/servers", None, SERVER).status == 201


def test_the_log_says_who_changed_what(weldr):
    ask(weldr, "POST", "/servers", ADMIN, SERVER)
    line, = weldr.wait_log(msg="server added")
    assert line["token"] == "deploy" and line["by"].startswith("127.0.0.1:")


def test_beside_the_one_token(lab, file, tmp_path):
    one = tmp_path / "one"
    one.write_text(OTHER)
    weldr = lab.weldr("--admin-tokens-file", str(file), "--admin-token-file", str(one), "--admin-token-required",
                      token=ADMIN)
    for token in (OTHER, ADMIN, READER):
        assert ask(weldr, "GET", "/servers", token).status == 200


def test_generated_when_required_and_none_is_given(lab):
    weldr = lab.weldr("--admin-token-required", wait=False)
    line, = weldr.wait_log(msg="generated admin token")
    weldr.token = line["token"]
    weldr.wait_ready()
    is_unauthorized(ask(weldr, "GET", "/", None))
    assert ask(weldr, "GET", "/", line["token"]).status == 200


def test_read_again_at_hangup(lab, file):
    """Good lines count at once, in workers too; wrong ones change nothing."""
    weldr = lab.weldr("--admin-tokens-file", str(file), "--admin-token-required", workers=2, token=ADMIN)
    weldr.token = OTHER
    file.write_text(f"fresh:{OTHER}:admin\n")
    weldr.signal(signal.SIGHUP)
    weldr.wait_log(msg="tokens read again", tokens="1")
    is_unauthorized(ask(weldr, "GET", "/", ADMIN))
    assert ask(weldr, "POST", "/servers", OTHER, SERVER).status == 201
    file.write_text(f"fresh:{ADMIN}:root\n")
    weldr.signal(signal.SIGHUP)
    line, = weldr.wait_log(msg="tokens stay as they were")
    assert f"{file} line 1: the role" in line["error"]
    assert ask(weldr, "GET", "/", OTHER).status == 200
    is_unauthorized(ask(weldr, "GET", "/", ADMIN))
    assert ADMIN not in weldr.log and OTHER not in weldr.log


def explained(weldr, token):
    with Client(weldr.address) as client:
        client.request("GET", "/", [("X-Weldr-Explain", token)])
        return client.response().has("Weldr-Explain")


def test_each_token_explains(lab, file):
    """A reader may GET /explain, so it may ask for explanations with a request too; workers follow the file."""
    weldr = lab.weldr("--admin-tokens-file", str(file))
    origin = lab.origin(o.hello)
    weldr.add(origin)
    assert explained(weldr, ADMIN) and explained(weldr, READER) and not explained(weldr, OTHER)
    file.write_text(f"fresh:{OTHER}:read\n")
    weldr.signal(signal.SIGHUP)
    weldr.wait_log(msg="tokens read again")
    weldr.tell_workers()
    assert explained(weldr, OTHER) and not explained(weldr, ADMIN)
    assert not origin.last("/").has("X-Weldr-Explain")


def memory_of(pid):
    """All that a process has mapped and that can be read."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            span, rights = line.split()[:2]
            first, last = (int(part, 16) for part in span.split("-"))
            if rights[0] != "r" or "[v" in line or last - first > 1 << 26:
                continue  # sanitizers map what nobody has touched
            try:
                memory.seek(first)
                yield memory.read(last - first)
            except (OSError, ValueError):
                pass


@pytest.mark.smoke
def test_no_worker_knows_a_token(lab, file, tmp_path):
    """Neither in its environment and command line nor anywhere in its memory."""
    one = tmp_path / "one"
    one.write_text(OTHER)
    weldr = lab.weldr("--admin-tokens-file", str(file), "--admin-token-file", str(one), workers=2,
                      env={"WELDR_ADMIN_TOKEN": "in-the-environment"})
    secrets = [text.encode() for text in (ADMIN, READER, OTHER, "in-the-environment")]
    for pid in weldr.worker_pids():
        for name in ("environ", "cmdline"):
            with open(f"/proc/{pid}/{name}", "rb") as what:
                content = what.read()
            assert not any(secret in content for secret in secrets), name
        pieces = 0
        for piece in memory_of(pid):
            pieces += 1
            assert not any(secret in piece for secret in secrets)
        assert pieces > 3
    with open(f"/proc/{weldr.pid}/cmdline", "rb") as what:
        assert not any(secret in what.read() for secret in secrets)
    assert not any(secret.decode() in weldr.log for secret in secrets)


@pytest.mark.parametrize("lines,word", [
    ("", "holds no token"), ("# none\n", "holds no token"), ("sesame\n", "line 1: must be NAME:TOKEN:ROLE"),
    ("a:sesame:admin\nb:sesame2:write\n", "line 2: the role must be admin or read"),
    ("a:sesame:admin\na:sesame2:read\n", "line 2: the name is there already"),
    ("a:sesame:admin\nb:sesame:read\n", "line 2: the token is there already"),
])
def test_bad_files_are_refused_without_a_word_of_them(tmp_path, lines, word):
    path = tmp_path / "tokens"
    path.write_text(lines)
    result = run_weldr(*LOCAL, "--admin-tokens-file", str(path))
    assert result.returncode == 2 and word in result.stderr and str(path) in result.stderr
    assert "sesame" not in result.stderr


def test_a_missing_file_is_refused(tmp_path):
    result = run_weldr(*LOCAL, "--admin-tokens-file", str(tmp_path / "none"))
    assert result.returncode == 2 and "--admin-tokens-file" in result.stderr


def test_a_token_is_in_no_error(tmp_path):
    for arguments, env in ((["--admin-token=sesame"], {}), ([], {"WELDR_ADMIN_TOKEN": "sesame\x7f"})):
        result = run_weldr(*LOCAL, *arguments, env=env)
        assert result.returncode == 2 and "token" in result.stderr.lower() and "sesame" not in result.stderr


@pytest.mark.parametrize("mode,warned", [(0o600, False), (0o640, False), (0o644, True), (0o602, True)], ids=oct)
def test_a_file_that_others_may_read_is_warned_of(lab, file, mode, warned):
    file.chmod(mode)
    weldr = lab.weldr("--admin-tokens-file", str(file))
    lines = weldr.lines(msg="others may read or write a file with tokens")
    assert bool(lines) == warned
    assert not warned or (lines[0]["file"], lines[0]["level"]) == (str(file), "warn")
