"""Who may drive the API: callers from this machine; others with a token; no page of another site."""

import pytest

from weldr import run_weldr

OUTSIDE = "10.77.0.1"
TOKEN = "correct-horse-battery-staple"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def is_unauthorized(answer):
    assert answer.status == 401, answer
    assert answer.get("WWW-Authenticate", "").startswith("Bearer"), answer.headers
    assert answer.json["code"] == "unauthorized"
    return True


@pytest.fixture
def namespace(lab):
    return lab.namespace(OUTSIDE)


@pytest.fixture
def outside(lab, namespace):
    """A weldr whose API listens on a non-loopback address of a network namespace, with a known token."""
    return lab.weldr(admin_ip=f"{OUTSIDE}:0", namespace=namespace, env={"WELDR_ADMIN_TOKEN": TOKEN})


@pytest.mark.smoke
def test_outside_caller_needs_the_token(outside):
    is_unauthorized(outside.api("GET", "/"))
    is_unauthorized(outside.api("POST", "/servers", {"url": "http://127.0.0.1:1"}))
    is_unauthorized(outside.api("GET", "/nothing"))
    for wrong in ("", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper()):
        is_unauthorized(outside.api("GET", "/servers", headers=bearer(wrong)))
    is_unauthorized(outside.api("GET", "/servers", headers={"Authorization": f"Basic {TOKEN}"}))
    is_unauthorized(outside.api("GET", "/servers", headers={"Authorization": TOKEN}))
    assert outside.api("GET", "/servers", headers=bearer(TOKEN)).status == 200
    added = outside.api("POST", "/servers", {"url": "http://127.0.0.1:1", "check": {"type": "none"}}, bearer(TOKEN))
    assert added.status == 201


def test_scheme_is_case_insensitive(outside):
    assert outside.api("GET", "/", headers={"Authorization": f"bearer {TOKEN}"}).status == 200


def test_given_token_is_not_in_the_log(outside):
    outside.api("GET", "/", headers=bearer(TOKEN))
    assert TOKEN not in outside.log


def test_token_from_a_file(lab, namespace, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    weldr = lab.weldr("--admin-token-file", str(file), admin_ip=f"{OUTSIDE}:0", namespace=namespace)
    is_unauthorized(weldr.api("GET", "/"))
    assert weldr.api("GET", "/", headers=bearer(TOKEN)).status == 200
    assert TOKEN not in weldr.log


def test_token_file_by_environment(lab, namespace, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    weldr = lab.weldr(admin_ip=f"{OUTSIDE}:0", namespace=namespace, env={"WELDR_ADMIN_TOKEN_FILE": str(file)})
    assert weldr.api("GET", "/", headers=bearer(TOKEN)).status == 200


@pytest.mark.smoke
def test_token_is_made_and_shown_once(lab, namespace):
    weldr = lab.weldr(admin_ip=f"{OUTSIDE}:0", namespace=namespace)
    shown = [line["token"] for line in weldr.lines() if "token" in line]
    assert len(shown) == 1 and len(shown[0]) >= 16, weldr.log
    is_unauthorized(weldr.api("GET", "/"))
    assert weldr.api("GET", "/", headers=bearer(shown[0])).status == 200
    assert weldr.log.count(shown[0]) == 1


def test_made_tokens_differ(lab):
    tokens = set()
    for _ in range(2):
        weldr = lab.weldr(admin_ip=f"{OUTSIDE}:0", namespace=lab.namespace(OUTSIDE))
        tokens.update(line["token"] for line in weldr.lines() if "token" in line)
    assert len(tokens) == 2


@pytest.mark.smoke
def test_loopback_caller_needs_none(lab, namespace):
    """On all addresses: who comes over loopback is in, who comes from elsewhere shows the token."""
    weldr = lab.weldr(admin_ip="0.0.0.0:0", namespace=namespace, env={"WELDR_ADMIN_TOKEN": TOKEN})
    port = weldr.admin[1]
    assert weldr.api("GET", "/", admin=("127.0.0.1", port)).status == 200
    is_unauthorized(weldr.api("GET", "/", admin=(OUTSIDE, port)))
    assert weldr.api("GET", "/", admin=(OUTSIDE, port), headers=bearer(TOKEN)).status == 200


def test_mapped_addresses_are_judged_by_their_ipv4(lab, namespace):
    """::ffff:127.0.0.1 is loopback, ::ffff:10.77.0.1 is not."""
    weldr = lab.weldr(admin_ip="[::]:0", namespace=namespace, env={"WELDR_ADMIN_TOKEN": TOKEN})
    port = weldr.admin[1]
    assert weldr.api("GET", "/", admin=("127.0.0.1", port)).status == 200
    assert weldr.api("GET", "/", admin=("::1", port)).status == 200
    is_unauthorized(weldr.api("GET", "/", admin=(OUTSIDE, port)))


def test_no_token_is_made_on_loopback(weldr):
    assert not [line for line in weldr.lines() if "token" in line]
    assert weldr.api("GET", "/").status == 200


@pytest.mark.parametrize("content", ["", "\n", "   \n", "x" * 5000], ids=["empty", "line", "blank", "long"])
def test_bad_token_file_is_refused(tmp_path, content):
    """An empty token would let everybody in, half a token nobody."""
    file = tmp_path / "token"
    file.write_text(content)
    result = run_weldr("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0", "--admin-token-file", str(file))
    assert result.returncode == 2 and "token" in result.stderr


def test_missing_token_file_is_refused(tmp_path):
    result = run_weldr("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0", "--admin-token-file", str(tmp_path / "none"))
    assert result.returncode == 2 and "token" in result.stderr


@pytest.mark.smoke
def test_foreign_origin_is_refused(weldr):
    """A browser page of another site can't drive the API, whatever the method."""
    port = weldr.admin[1]
    for foreign in ("http://evil.example", "null", f"http://127.0.0.1:{port + 1 if port < 65535 else 1}",
                    f"https://127.0.0.1:{port}", f"http://127.0.0.1.evil.example:{port}", "http://127.0.0.1", ""):
        for method, body in (("GET", None), ("POST", {"url": "http://127.0.0.1:1"})):
            answer = weldr.api(method, "/servers", body, headers={"Origin": foreign})
            assert answer.status == 403, (foreign, answer)
            assert answer.json["code"] == "forbidden_origin"
    assert weldr.servers() == []


def test_own_origin_is_allowed(weldr):
    own = {"Origin": f"http://127.0.0.1:{weldr.admin[1]}"}
    assert weldr.api("GET", "/servers", headers=own).status == 200
    body = {"url": "http://127.0.0.1:1", "check": {"type": "none"}}
    assert weldr.api("POST", "/servers", body, headers=own).status == 201


def test_own_origin_is_not_taken_from_the_host_field(weldr):
    """DNS rebinding: a page of evil.example sends its own name as Host and Origin."""
    headers = {"Origin": f"http://evil.example:{weldr.admin[1]}", "Host": f"evil.example:{weldr.admin[1]}"}
    assert weldr.api("GET", "/servers", headers=headers).status == 403


def test_no_answer_invites_other_origins(weldr):
    answer = weldr.api("GET", "/")
    assert answer.get("Access-Control-Allow-Origin") is None
