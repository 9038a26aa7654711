"""/cluster, its commands and flags, of a node that is alone: what is told, what is refused, and by whom a change waits."""

import re
import socket
import subprocess
import threading

import pytest
from event_stream import EventStream
from failures import is_problem
from ports import Port
from rawhttp import wait_until
from weldr import BIN, clean_environment, run_weldr, split_address

LOCAL = ("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0")
NOBODY = "00000000000000ab"


def engine(options):
    return {"WELDR_TEST_ENGINE": "delayed" + options}


def command(weldr, *arguments):
    return subprocess.run([BIN, "cluster", *arguments, "--api", "http://%s:%s" % weldr.admin], capture_output=True, text=True, timeout=20,
                          env=clean_environment(), check=False)


def own_id(weldr):
    return weldr.api("GET", "/cluster").json["members"][0]["id"]


# ---- what is told

@pytest.mark.smoke
def test_a_single_node(lab, folder):
    weldr = lab.weldr("--data-dir", folder)
    told = weldr.api("GET", "/cluster").json
    assert (told["id"], told["address"], told["role"], told["incarnation"], told["warning"]) == (None, None, "leader", 0, None)
    assert told["quorum"] == {"voters": 1, "needed": 1, "has": True} and told["profile"] == "lan"
    assert (told["vip_lease_ms"], told["vip_holdoff_ms"], told["outage_typical_ms"], told["outage_worst_ms"]) == (400, 450, 1075, 1550)
    assert "1550 ms at most" in command(weldr, "status").stdout
    assert len(told["members"]) == 1
    member = told["members"][0]
    assert re.fullmatch("[0-9a-f]{16}", member["id"]) and member["is_self"] and member["role"] == "leader"
    assert told["leader"] == {"id": member["id"], "address": None}
    assert told["level"] == told["known_level"] == member["level"] > 0 and told["halted"] is None
    one = weldr.api("GET", f"/cluster/members/{member['id']}?consistent=true")
    assert one.status == 200 and {**one.json, "last_contact_ms": 0} == {**member, "last_contact_ms": 0}
    for other in ("00000000000000ff", "0", "nonsense"):
        answer = weldr.api("GET", f"/cluster/members/{other}")
        assert answer.status == 404 and answer.json["code"] == "not_found", answer
    before = told["applied"]
    weldr.add("http://192.0.2.1:80")
    assert weldr.api("GET", "/cluster").json["applied"] > before


def test_its_address_for_others(lab, folder):
    weldr = lab.weldr("--data-dir", folder, "--cluster-ip", "127.0.0.1:8699")
    told = weldr.api("GET", "/cluster").json
    assert told["address"] == told["leader"]["address"] == told["members"][0]["address"] == "127.0.0.1:8699"


def test_without_a_directory(weldr):
    told = weldr.api("GET", "/cluster").json
    assert told["id"] is None and len(told["members"]) == 1 and told["quorum"]["has"]


def test_while_nobody_leads(lab):
    weldr = lab.weldr(env=engine(":delay=60000"), wait=False)
    weldr.wait_log(msg="management API listens")
    weldr.find_addresses()
    told = weldr.api("GET", "/cluster").json
    assert told["role"] == "candidate" and told["leader"] is None and not told["quorum"]["has"]
    shown = command(weldr, "status")
    assert shown.returncode == 0 and "NO LEADER IS KNOWN" in shown.stdout, shown


def test_metrics(lab, folder):
    weldr = lab.weldr("--data-dir", folder)
    told = weldr.api("GET", "/cluster").json
    text = weldr.api("GET", "/metrics").text
    found = dict(re.findall(r"^weldr_cluster_(\w+) (\d+)$", text, re.M))
    assert (found["members"], found["has_leader"], found["is_leader"], found["term"]) == ("1", "1", "1", str(told["term"]))
    assert (found["voters"], found["quorum"]) == ("1", "1")
    assert f'weldr_cluster_last_contact_seconds{{member="{told["members"][0]["id"]}"}} 0' in text
    counted = {name: found[name + "_total"] for name in ("leader_changes", "elections_won", "elections_lost")}
    assert counted == {"leader_changes": "1", "elections_won": "1", "elections_lost": "0"}
    assert 'weldr_cluster_snapshots_total{of="own"} 0' in text and 'weldr_cluster_snapshot_seconds_total{of="leader"} 0' in text
    assert int(found["applied"]) >= told["applied"] and (found["level"], found["is_halted"]) == (str(told["level"]), "0")


# ---- changes of the members

def test_what_one_alone_refuses(lab, folder):
    weldr = lab.weldr("--data-dir", folder)
    me = own_id(weldr)
    assert is_problem(weldr.api("POST", "/cluster/tokens"), 409, "cluster_not_listening")
    assert is_problem(weldr.api("DELETE", f"/cluster/members/{me}"), 409, "required")
    assert is_problem(weldr.api("POST", "/cluster/leave"), 409, "required")
    for path in (NOBODY, "1", "x" * 16, me + "0"):
        assert is_problem(weldr.api("DELETE", f"/cluster/members/{path}"), 404, "not_found"), path
        assert is_problem(weldr.api("POST", f"/cluster/members/{path}/promote"), 404, "not_found"), path
    assert is_problem(weldr.api("POST", "/cluster/transfer", {"to": NOBODY}), 404, "not_found")
    for body in ({"to": me}, {"to": None}, {}):
        assert weldr.api("POST", "/cluster/transfer", body).json["leader"]["id"] == me
    assert weldr.api("POST", f"/cluster/members/{me}/promote").status == 200  # it is a voter


def test_without_a_directory_nobody_joins(lab):
    weldr = lab.weldr()
    refused = weldr.api("POST", "/cluster/tokens", {"lifetime_s": 60})
    assert is_problem(refused, 409, "cluster_not_listening") and "--ephemeral" in refused.json["detail"]


@pytest.mark.parametrize("path,body,code,field", [
    ("tokens", {"lifetime_s": 0}, "invalid_value", "lifetime_s"), ("tokens", {"lifetime_s": 86401}, "invalid_value", "lifetime_s"),
    ("tokens", {"lifetime_s": "60"}, "invalid_value", "lifetime_s"), ("tokens", {"lifetime": 60}, "unknown_key", "lifetime"),
    ("transfer", {"to": 1}, "invalid_value", "to"), ("transfer", {"to": "12"}, "invalid_value", "to"),
    ("transfer", {"to": "x" * 16}, "invalid_value", "to"), ("leave", {"now": True}, "unknown_key", "now"),
])
def test_bodies_that_are_refused(weldr, path, body, code, field):
    refused = weldr.api("POST", f"/cluster/{path}", body)
    assert is_problem(refused, 422, code) and refused.json["field"] == field, refused


def test_where_a_member_is_found(lab, folder):
    """Of a node that is alone, and has others that could come."""
    port = Port()
    weldr = lab.weldr("--data-dir", folder, "--cluster-ip", port.text)
    wait_until(lambda: weldr.api("GET", "/cluster").json["level"] == weldr.api("GET", "/cluster").json["known_level"], 20, "its level")
    me = own_id(weldr)
    told, path = weldr.api("GET", "/cluster").json["address"], f"/cluster/members/{me}"
    for body, code in (({}, "missing_field"), ({"address": None}, "missing_field"), ({"address": 8688}, "invalid_value"),
                       ({"address": "192.0.2.7"}, "invalid_value"), ({"address": "a.example:8688"}, "invalid_value"),
                       ({"address": "0.0.0.0:8688"}, "invalid_value"), ({"address": "192.0.2.7:0"}, "invalid_value")):
        refused = weldr.api("PATCH", path, body)
        assert is_problem(refused, 422, code) and refused.json["field"] == "address", refused
    assert is_problem(weldr.api("PATCH", path, {"at": "192.0.2.7:8688"}), 422, "unknown_key")
    assert is_problem(weldr.api("PATCH", f"/cluster/members/{NOBODY}", {"address": "192.0.2.7:8688"}), 404, "not_found")
    placed = weldr.api("PATCH", path, {"address": "192.0.2.7:8688"})
    assert placed.status == 200 and (placed.json["id"], placed.json["address"]) == (me, "192.0.2.7:8688"), placed
    assert weldr.api("GET", path).json["is_address_set"]
    assert weldr.api("GET", "/cluster").json["address"] == told, "what it tells is its own business"
    assert weldr.lines(msg="address of a member set on request", member=me)[0]["by"].startswith("127.0.0.1:")
    done = command(weldr, "set-address", me, "auto")
    shown = weldr.api("GET", path).json
    assert done.returncode == 0 and (shown["address"], shown["is_address_set"]) == (told, False), done
    events = weldr.api("GET", "/events?kind=member_moved").json["events"]
    assert [(event["from"], event["to"]) for event in events] == [(told, "192.0.2.7:8688"), ("192.0.2.7:8688", told)]


def test_nobody_finds_a_member_that_does_not_listen(lab, folder):
    for flags in ("--data-dir", folder), ():
        weldr = lab.weldr(*flags)
        me = own_id(weldr)
        assert is_problem(weldr.api("PATCH", f"/cluster/members/{me}", {"address": "192.0.2.7:8688"}), 409, "cluster_not_listening")


def test_a_token_is_told_to_who_asks_alone(lab):
    weldr = lab.weldr("--log-level", "trace", env=engine(":delay=1"))
    with EventStream(weldr, {"since": "0"}) as stream:
        made = weldr.api("POST", "/cluster/tokens", {"lifetime_s": 60})
        assert made.status == 201 and made.json["token"] and made.json["expires"].endswith("Z"), made
        weldr.add("http://192.0.2.1:80")
        assert made.json["token"] not in repr(stream.until("server_added"))
    assert weldr.lines(msg="join token made")[0]["by"].startswith("127.0.0.1:")
    assert made.json["token"] not in weldr.log


# ---- reads that are not stale

@pytest.mark.smoke
def test_consistent_reads(lab, folder):
    weldr = lab.weldr("--data-dir", folder)
    for number in range(1, 6):
        revision = weldr.api("POST", "/servers", {"url": f"http://192.0.2.1:{number}"}).get("X-Weldr-Revision")
        read = weldr.api("GET", "/servers?consistent=true")
        assert len(read.json["servers"]) == number and read.get("X-Weldr-Revision") == revision
    for path in ("/pools", "/pools/default", "/listeners", "/listeners/default", "/listeners/default/rules", "/certificates", "/cluster",
                 "/servers/192.0.2.1/1"):
        assert weldr.api("GET", path + "?consistent=true").status == 200, path
        assert is_problem(weldr.api("GET", path + "?consistent=maybe"), 422, "invalid_value"), path
    assert is_problem(weldr.api("GET", "/stats?consistent=true"), 422, "unknown_key")
    read = weldr.api("GET", "/servers?consistent=true")
    assert weldr.api("GET", "/servers?consistent=true", headers={"If-None-Match": read.get("ETag")}).status == 304


def test_many_consistent_reads_share_barriers(lab, folder):
    """Each barrier is an entry of the log: many reads at once take few of them."""
    weldr = lab.weldr("--data-dir", folder)
    weldr.add("http://192.0.2.1:80")
    seen = []
    readers = [threading.Thread(target=lambda: seen.append(len(weldr.api("GET", "/servers?consistent=true").json["servers"])))
               for _ in range(50)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert seen == [1] * 50


def test_consistent_reads_without_a_leader(lab):
    weldr = lab.weldr(env=engine(":delay=60000"), wait=False)
    weldr.wait_log(msg="management API listens")
    weldr.find_addresses()
    refused = weldr.api("GET", "/servers?consistent=true")
    assert is_problem(refused, 503, "no_quorum") and refused.get("Retry-After") == "1"
    assert weldr.api("GET", "/servers").json["servers"] == []


def test_a_client_that_leaves_while_it_waits(lab):
    weldr = lab.weldr(env=engine(":delay=60000"), wait=False)
    weldr.wait_log(msg="management API listens")
    weldr.find_addresses()
    for path in ("GET /servers?consistent=true", "POST /cluster/leave"):
        with socket.create_connection(weldr.admin) as client:
            client.sendall(f"{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert weldr.api("GET", "/cluster").status == 200
    weldr.stop()


# ---- commands

def test_commands(lab, folder):
    weldr = lab.weldr("--data-dir", folder)
    me = own_id(weldr)
    shown = command(weldr, "status")
    assert shown.returncode == 0 and me in shown.stdout and "1 of 1 voters needed, a leader is known" in shown.stdout, shown
    assert "WARNING" not in shown.stdout
    listed = command(weldr, "members")
    head, row = listed.stdout.splitlines()
    assert head.split() == ["ID", "ADDRESS", "ROLE", "IS_SELF", "LAG", "LAST_CONTACT_MS", "VERSION"] and row.split()[0] == me
    assert f'"id": "{me}"' in command(weldr, "status", "--json").stdout
    for arguments, why in ((("token", "create"), "cluster_not_listening"), (("remove", me), "required"), (("remove", NOBODY), "not_found"),
                           (("promote", NOBODY), "not_found"), (("transfer", NOBODY), "not_found"), (("leave",), "required")):
        refused = command(weldr, *arguments)
        assert refused.returncode == 1 and f"({why})" in refused.stderr and refused.stdout == "", refused
    for arguments in (("transfer",), ("transfer", me), ("promote", me)):
        done = command(weldr, *arguments)
        assert done.returncode == 0 and me in done.stdout, done
    for arguments, why in ((("token",), "create is missing"), (("token", "make"), "make: there is create"), (("remove",), "ID is missing"),
                           (("transfer", me, "more"), "too many words")):
        refused = command(weldr, *arguments)
        assert refused.returncode == 2 and why in refused.stderr, refused


def test_command_for_a_token(lab):
    weldr = lab.weldr(env=engine(":delay=1"))
    made = command(weldr, "token", "create", "lifetime_s=60")
    assert made.returncode == 0 and re.fullmatch(r"\S+\n", made.stdout) and "--join HOST:PORT" in made.stderr, made
    assert made.stdout.strip() not in made.stderr


# ---- flags

@pytest.mark.parametrize("arguments,why", [
    (["--ephemeral", "--join", "127.0.0.1:1", "--token", "t"], "--join and --ephemeral exclude each other"),
    (["--ephemeral", "--cluster-ip", "127.0.0.1:1"], "--cluster-ip and --ephemeral exclude each other"),
    (["--data-dir", "DIR", "--join", "127.0.0.1:1"], "--join needs --token TOKEN or --join-token-file FILE"),
    (["--data-dir", "DIR", "--join", "127.0.0.1:1", "--join-token-file", "/nowhere"], "--join-token-file /nowhere"),
    (["--data-dir", "DIR", "--witness"], "--witness needs --join HOST:PORT"),
])
def test_flags_that_make_no_sense(arguments, why, folder):
    result = run_weldr(*LOCAL, *(folder if x == "DIR" else x for x in arguments))
    assert result.returncode == 2 and why in result.stderr and len(result.stderr.splitlines()) == 1, result


def test_a_join_plays_no_part_later(lab, folder):
    """Not even when its token is gone, or nobody has that name."""
    first = lab.weldr("--data-dir", folder)
    first.add("http://192.0.2.1:80")
    me = own_id(first)
    first.stop()
    again = lab.weldr("--data-dir", folder, "--join", "nobody.invalid:8688", "--join-token-file", "/nowhere", "--witness")
    assert again.lines(msg="--join plays no part: the directory has a node already")
    assert own_id(again) == me and len(again.servers()) == 1


def test_a_name_that_nobody_has(lab, folder):
    weldr = lab.weldr("--data-dir", folder, "--join", "nobody.invalid:8688", "--token", "secret-token",
                      "--resolver", Port().text, wait=False)
    weldr.apis = [split_address(weldr.wait_log(msg="management API listens")[0]["address"])]
    weldr.wait_log(msg="name of the member to join can't be resolved", timeout_s=30)
    assert is_problem(weldr.api("GET", "/cluster"), 503, "starting")
    assert weldr.api("GET", "/ready").json["status"] == "starting"
    assert "secret-token" not in weldr.log
    weldr.stop()
