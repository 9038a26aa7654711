"""weldr export and weldr apply: the whole description as one document."""

import json

from ports import Port
from test_cli import is_one_clear_line
from test_cli_commands import good, run
from weldr import run_weldr

NO_CHECK = {"type": "none"}


def description():
    return {
        "pools": [{"name": "default", "servers": []},
                  {"name": "web", "drain_ms": 5000, "check": NO_CHECK, "policy": "p2c", "servers": [
                      {"url": "http://127.0.0.1:1", "weight": 3, "meta": {"a.b": "c"}}, {"url": "http://127.0.0.1:2"}]}],
        "listeners": [{"name": "shop", "addresses": [Port().text], "rules": [
            {"priority": 10, "conditions": {"path": "/old/*"}, "action": {"redirect": {"status": 301, "path": "/new"}}},
            {"priority": 20, "name": "to web", "action": {"forward": [{"pool": "web", "weight": 1}]}}]}]}


def apply(weldr, folder, whole, *flags):
    path = folder / "whole.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    return good(weldr, "apply", str(path), *flags).splitlines()


def test_apply_makes_it_so(lab, tmp_path):
    weldr = lab.weldr()
    whole = description()
    added = ["+ pool web", "+ server http://127.0.0.1:1 of pool web", "+ server http://127.0.0.1:2 of pool web",
             "+ listener shop", "+ rule 10 of listener shop", "+ rule 20 of listener shop"]
    before = good(weldr, "export")
    assert apply(weldr, tmp_path, whole, "--dry-run") == added and good(weldr, "export") == before
    assert apply(weldr, tmp_path, whole) == added
    assert apply(weldr, tmp_path, whole) == [], "the same again changes nothing"

    whole["pools"][1]["drain_ms"] = 7000
    whole["pools"][1]["servers"][0]["weight"] = 4
    del whole["pools"][1]["servers"][1], whole["listeners"][0]["rules"][0]
    changed = ["~ pool web: drain_ms 5000 -> 7000", "~ server http://127.0.0.1:1 of pool web: weight 3 -> 4",
               "- server http://127.0.0.1:2 of pool web", "- rule 10 of listener shop"]
    assert apply(weldr, tmp_path, whole, "-n") == changed
    assert apply(weldr, tmp_path, whole) == changed and apply(weldr, tmp_path, whole) == []
    assert apply(weldr, tmp_path, {"pools": [], "listeners": []}) == ["- listener shop", "- pool web"]


def test_what_was_exported_comes_back(lab, tmp_path):
    first = lab.weldr()
    apply(first, tmp_path, description())
    text = good(first, "export")
    whole = json.loads(text)
    shown = {"id", "links", "revision", "state", "in_flight", "bound", "last_check", "since"}
    objects = [*whole["pools"], *whole["listeners"], *whole["pools"][1]["servers"], *whole["listeners"][1]["rules"]]
    assert len(objects) == 8 and not any(shown & set(entry) for entry in objects)
    assert apply(first, tmp_path, whole) == []
    whole["listeners"] = [entry for entry in whole["listeners"] if entry["name"] == "shop"]
    whole["listeners"][0]["addresses"] = [Port().text]
    second = lab.weldr()
    apply(second, tmp_path, whole)
    again = json.loads(good(second, "export"))
    assert again["pools"] == whole["pools"] and again["listeners"][1] == whole["listeners"][0]


def test_refusals(lab, tmp_path):
    weldr = lab.weldr()
    path = tmp_path / "whole.json"
    for text, code, *said in (("{", 2, "line 1"), ("{}", 2, "neither pools nor VIPs nor listeners"), ('{"pools":[{}]}', 2, "pools[0]", "name"),
                              ('{"pools":[{"name":"default","drain_ms":-1}]}', 1, "drain_ms")):
        path.write_text(text, encoding="utf-8")
        is_one_clear_line(run(weldr, "apply", str(path)), code, *said)
    is_one_clear_line(run_weldr("apply", str(tmp_path / "none")), 2, "none", "can't be read")
