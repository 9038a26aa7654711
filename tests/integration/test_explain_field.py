"""X-Weldr-Explain: the admin token in a request brings Weldr-Explain with its response, as GET /explain says it."""

import re

import origins as o
import pytest
from rawhttp import Client
from test_pools import add_pool, add_server
from test_rules import add_rule

TOKEN = "correct-horse-battery-staple"
MEMBER = re.compile(r'([a-z-]+)=((?:"[^"]*"|\([^)]*\)|[^,"])*)(?:, |$)')


def run(lab, *behaviours, **more):
    return lab.run(*behaviours, env={"WELDR_ADMIN_TOKEN": TOKEN}, **more)


def ask(weldr, target="/", token=TOKEN, host="h.example", method="GET", fields=""):
    with Client(weldr.address) as c:
        shown = "" if token is None else f"X-Weldr-Explain: {token}\r\n"
        c.send(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{shown}{fields}\r\n".encode())
        return c.response()


def members(answer):
    """The dictionary's members: key to the text of the value with its parameters."""
    lines = answer.all("Weldr-Explain")
    assert len(lines) == 1, answer
    found = MEMBER.findall(lines[0])
    assert ", ".join(f"{key}={value}" for key, value in found) == lines[0]
    return dict(found)


@pytest.mark.smoke
def test_says_where_the_request_went(lab):
    weldr, origin = run(lab, o.hello)
    green = lab.origin(o.hello)
    add_pool(weldr, "green")
    server = add_server(weldr, "green", green)
    rule = add_rule(weldr, 10, {"path_prefix": "/canary"}, {"forward": [{"pool": "green"}]})
    answer = ask(weldr, "/canary/a")
    assert answer.status == 200
    told = members(answer)
    asked = weldr.api("GET", "/explain?path=/canary/a&host=h.example").json
    assert told["listener"] == f'"{asked["listener"]}"'
    assert told["rule"] == f'10;id="{asked["rule"]["id"]}"' and rule["id"] == asked["rule"]["id"]
    assert told["action"] == asked["action"] == "forward"
    assert told["pool"] == f'"{asked["pool"]}";policy=round_robin;usable=1'
    assert told["server"] == f'"{green.authority}";id="{server["id"]}"'
    assert told["attempts"] == "1" and "result" not in told
    told = members(ask(weldr, "/"))
    assert told["rule"] == "default" and told["passed-over"] == "(10;fails=path_prefix)"
    assert told["server"].startswith(f'"{origin.authority}"')


def test_never_reaches_a_server(lab):
    weldr, origin = run(lab, o.hello)
    for token in (TOKEN, "wrong"):
        assert ask(weldr, f"/{token}", token).status == 200
        assert not origin.last(f"/{token}").has("X-Weldr-Explain")
    body = "Transfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n"
    with Client(weldr.address) as c:
        c.send(f"POST /trailers HTTP/1.1\r\nHost: h\r\n{body}\r\n0\r\nX-Weldr-Explain: {TOKEN}\r\nX-Other: 1\r\n\r\n"
               .encode())
        assert c.response().status == 200
    assert TOKEN.encode() not in origin.last("/trailers").trailers
    assert TOKEN not in weldr.log


def test_without_the_token_it_does_nothing(lab):
    weldr, _ = run(lab, o.hello)
    assert not ask(weldr, token=None).has("Weldr-Explain")
    wrong = ("wrong", "", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), f"Bearer {TOKEN}")
    plain = {name for name, _ in ask(weldr, token=None).fields}
    for token in wrong:
        answer = ask(weldr, token=token)
        assert answer.status == 200 and {name for name, _ in answer.fields} == plain
    assert weldr.stats()["explain_refused"] == len(wrong)
    assert ask(weldr).has("Weldr-Explain")
    assert weldr.stats()["explain_refused"] == len(wrong)


def test_without_a_token_nobody_may_know(lab):
    weldr, _ = lab.run(o.hello)
    for token in ("", "x"):
        assert not ask(weldr, token=token).has("Weldr-Explain")
    assert weldr.stats()["explain_refused"] == 2


def test_responses_of_rules_and_failures(lab):
    weldr, _ = run(lab, o.reset)
    add_rule(weldr, 10, {"path": "/moved"}, {"redirect": {"status": 302, "host": "other.example"}})
    add_rule(weldr, 20, {"path": "/fixed"}, {"fixed": {"status": 403}})
    add_pool(weldr, "empty")
    add_rule(weldr, 30, {"path": "/empty"}, {"forward": [{"pool": "empty"}]})
    moved = ask(weldr, "/moved")
    assert moved.status == 302 and members(moved)["action"] == "redirect"
    fixed = members(ask(weldr, "/fixed"))
    assert fixed["action"] == "fixed" and fixed["passed-over"] == "(10;fails=path)" and "pool" not in fixed
    empty = ask(weldr, "/empty")
    assert empty.status == 503
    told = members(empty)
    assert (told["pool"], told["attempts"], told["result"]) == ('"empty";policy=round_robin;usable=0', "0", "no_server")
    broken = ask(weldr, "/", method="POST", fields="Content-Length: 0\r\n")
    assert broken.status == 502 and members(broken)["result"] == "origin_reset"


def test_attempts_are_counted(lab):
    weldr, *_ = run(lab, o.reset, o.hello)
    told = [members(ask(weldr))["attempts"] for _ in range(2)]
    assert sorted(told) == ["1", "2"]


def test_weights_of_pools(lab):
    weldr, _ = run(lab, o.hello)
    add_pool(weldr, "green")
    add_rule(weldr, 10, {}, {"forward": [{"pool": "default", "weight": 90}, {"pool": "green", "weight": 10}]})
    told = members(ask(weldr))
    assert told["pools"] == '("default";weight=90 "green";weight=10)'


def test_odd_names_stay_a_structured_field(lab):
    weldr, _ = run(lab, o.hello)
    answer = weldr.api("POST", "/listeners/default/rules", {
        "priority": 10, "name": 'a "q" \\ ä', "conditions": {}, "action": {"forward": [{"pool": "default"}]}})
    assert answer.status == 201, answer
    rule = answer.json
    line = ask(weldr).get("Weldr-Explain")
    assert f'rule=10;id="{rule["id"]}";name="a \\"q\\" \\\\ %C3%A4"' in line


def test_token_is_in_no_environment_of_a_worker(lab):
    weldr, _ = run(lab, o.hello, workers=2)
    for pid in weldr.worker_pids():
        with open(f"/proc/{pid}/environ", "rb") as f:
            assert TOKEN.encode() not in f.read()
    for _ in range(8):
        assert ask(weldr).has("Weldr-Explain")
