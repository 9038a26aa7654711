"""WELDR_ variables that nobody knows are warned of, and `ready` names a next step only where it works."""

import pytest


@pytest.mark.smoke
def test_unknown_variables_are_warned_of(lab):
    weldr = lab.weldr(env={"WELDR_WORKER": "4", "WELDR_ADMIN_TOKN": "a-secret", "WELDR_XYZXYZ": "1", "WELDR_READY_DELAY": "0s", "OTHER": "1"})
    told = weldr.lines(msg="variable is not known")
    assert {(line["variable"], line.get("nearest")) for line in told} == {
        ("WELDR_WORKER", "WELDR_WORKERS"), ("WELDR_ADMIN_TOKN", "WELDR_ADMIN_TOKEN"), ("WELDR_XYZXYZ", None)}
    assert {(line["level"], line["role"]) for line in told} == {("warn", "manager")}
    assert "a-secret" not in weldr.log, "it may be a token"


def test_known_variables_are_not(lab):
    """Those that the manager sets for its workers neither, also when a worker is started anew."""
    weldr = lab.weldr(env={"WELDR_LOG": "debug", "WELDR_ACCESS_LOG": "stdout", "WELDR_USER": "nobody"})
    weldr.patch_node({"workers": 2})
    weldr.wait_workers(2)
    assert weldr.lines(msg="variable is not known") == []


def test_the_next_step_is_told_where_it_works(lab, tmp_path):
    weldr = lab.weldr()
    port = weldr.admin[1]
    next_step = weldr.lines(msg="ready")[0]["next"]
    assert next_step == f"curl localhost:{port}/servers -d '{{\"url\":\"http://127.0.0.1:12345\"}}'"
    other = lab.weldr(admin_ip="127.0.0.2:0")
    assert f"curl 127.0.0.2:{other.admin[1]}/servers " in other.lines(msg="ready")[0]["next"], "localhost is another address"
    token = tmp_path / "token"
    token.write_text("secret")
    token.chmod(0o600)
    for more in ({"flags": ["--server", "http://127.0.0.1:1"], "token": None},
                 {"flags": ["--admin-token-required", "--admin-token-file", str(token)], "token": "secret"}):
        assert "next" not in lab.weldr(*more["flags"], token=more["token"]).lines(msg="ready")[0], more
