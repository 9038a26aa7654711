"""docs/ names all that there is, and nothing else: flags, settings, words, codes, keys, families, kinds, requests."""

import json
import pathlib
import re

import pytest

import origins as o
from ports import Port
from rawhttp import wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def source(path):
    return (ROOT / "src" / path).read_text(encoding="utf-8")


def page(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def section(name, heading):
    """The text below a heading, to the next one that is no deeper."""
    text = page(name)
    level = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    rest = text[level.end():]
    end = re.search(rf"^#{{1,{len(level.group(1))}}} ", rest, re.MULTILINE)
    return rest[:end.start()] if end else rest


def rows(text):
    """The cells of each row of the tables; headings and rules are left out."""
    found = []
    for line in re.findall(r"^\|.*\|$", text, re.MULTILINE):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and not set("".join(cells)) <= set("-: "):
            found.append(cells)
    return found


def names(cell):
    """What stands between back-ticks."""
    return re.findall(r"`([^`]+)`", cell)


def headings(name):
    return re.findall(r"^### `(\w+)`$", page(name), re.MULTILINE)


def def_rows(path, macro):
    """The arguments of each row of a table as texts, commas within strings kept."""
    found = []
    for line in re.findall(rf"^{macro}\((.*)\)", source(path), re.MULTILINE):
        found.append([part.strip() for part in re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+', line)])
    assert len(found) > 1, path
    return found


def unquote(text):
    return text.strip('"') if text != "NULL" else ""


# ---- flags ----


def test_every_flag_and_variable_has_its_row():
    """With its argument and its true default."""
    told = {cells[1].strip("`"): (cells[0].replace("\\|", "|").strip("`"), cells[2])
            for cells in rows(section("settings.md", "Flags and variables")) if cells[1].startswith("`WELDR_")}
    there = {}
    for _, flag, env, word, standard, *_ in def_rows("config/settings.def", "SETTING"):
        flag, word = unquote(flag), unquote(word)
        there[unquote(env)] = (f"{flag} {word}" if flag else "", unquote(standard))
    assert told == there


# ---- settings ----

LIMITS = {"POOL_RESPONSE_HEAD_BYTES_MAX": 512 * 1024, "POOL_RESPONSE_FIELDS_MAX": 512, "POOL_FIELDS_MAX": 128,
          "POOL_BODY_BYTES_MAX": 2 ** 53 - 1, "NODE_WORKERS_MAX": 256}
# Members of documents that only report.
REPORTED = {"id", "servers", "revision", "links", "bound", "rules", "pool", "state", "reason", "since", "transitions",
            "in_flight", "success", "failed", "ejected", "ejections", "drain_left_ms", "last_check", "listener"}


def setting_rows(heading):
    """Name → (type, default, allowed)."""
    return {cells[0].strip("`"): (cells[1], cells[2].strip("`"), cells[3])
            for cells in rows(section("settings.md", heading)) if len(cells) == 5 and cells[0].startswith("`")}


def ranges(path):
    """Name → what the row in settings.md says of type, default and range."""
    there = {}
    for group, _, key, kind, standard, least, most, *_ in def_rows(path, "SETTING"):
        name = unquote(key) if group == "TOP" else f"{group.lower()}.{unquote(key)}"
        if kind in ("U32", "U64"):
            there[name] = ("number", standard, f"{least}–{LIMITS.get(most, most)}")
        elif kind == "BOOL":
            there[name] = ("boolean", standard, "true, false")
    return there


@pytest.mark.parametrize("heading, table", [("Pool", "pool"), ("Listener", "listener"), ("Node", "node")])
def test_every_setting_has_its_row(heading, table):
    told = setting_rows(heading)
    for name, row in ranges(f"pool/{table}_settings.def").items():
        assert told.get(name) == row, name


def test_every_setting_of_a_server_has_its_row():
    told = setting_rows("Server")
    limits = {"POOL_WEIGHT_MAX": 256, "POOL_MAX_REQUESTS_MAX": 1000000}
    for _, _, key, kind, standard, least, most, *_ in def_rows("pool/server_settings.def", "SERVER_SETTING"):
        allowed = {"BOOL": "true, false", "VERSION": f"0, {most}"}.get(kind, f"{least}–{limits.get(most, most)}")
        assert told[unquote(key)] == ("boolean" if kind == "BOOL" else "number", standard, allowed), key
    for _, _, key, *_ in def_rows("pool/server_settings.def", "SERVER_PART"):
        assert told[unquote(key)][0] == "object", key


def test_ranges_of_checks():
    told = setting_rows("Health check")
    found = re.findall(r'NUMBER\("(\w+)", \w+, U\d+, \w+, (\d+), (\d+)\)', source("pool/pool_health.c"))
    assert len(found) == 5
    for key, least, most in found:
        assert told[f"check.{key}"][2] == f"{least}–{most}", key


def flat(document, prefix=""):
    """Leaves by their dotted names; what only reports is left out."""
    found = {}
    for key, value in document.items():
        if not prefix and key in REPORTED:
            continue
        if isinstance(value, dict) and key in ("timeouts", "limits", "retry", "eject", "queue", "tls", "check"):
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = value
    return found


def shown(value):
    """A default as the tables write it."""
    if value in ("", {}):
        return {"": "empty"}.get(value) if value == "" else "{}"
    return value if isinstance(value, str) else json.dumps(value)


def agree(told, document, without_default=()):
    there = flat(document)
    assert set(told) == set(there)
    for name, (_, standard, _) in told.items():
        if name not in without_default:
            assert standard == shown(there[name]), name


@pytest.mark.smoke
def test_defaults_are_those_of_a_fresh_weldr(weldr):
    """Each member that GET shows has its row, and each row its member."""
    checks = setting_rows("Health check")
    pool = setting_rows("Pool")
    assert pool.pop("check")
    agree({**pool, **checks}, weldr.api("GET", "/pools/default").json, {"name"})
    port = Port()
    agree(setting_rows("Listener"), weldr.api("POST", "/listeners", {"name": "blank", "addresses": [port.text]}).json,
          {"name", "addresses", "default_action"})
    server = setting_rows("Server")
    assert server.pop("check")
    shown_server = weldr.api("POST", "/servers", {"url": "http://127.0.0.1:9"}).json["servers"][0]
    for key in ("addresses", "admin", "drain_ms"):
        del shown_server[key]
    agree({**server, **checks}, shown_server, {"url"})
    agree(setting_rows("Node"), weldr.api("GET", "/node").json, {"workers"})
    rule = weldr.api("POST", "/listeners/default/rules", {"priority": 1, "action": {"forward": [{"pool": "default"}]}}).json
    agree(setting_rows("Rule"), rule, {"priority", "action"})


def test_every_condition_and_action_has_its_row():
    text = section("settings.md", "Rule")
    conditions = re.search(r"\} members\[\] = \{(.*?)\n\};", source("pool/rule_code.c"), re.DOTALL).group(1)
    actions = re.search(r"\} actions\[\] = \{(.*?)\n\};", source("pool/rule_code_action.c"), re.DOTALL).group(1)
    there = re.findall(r'\{"(\w+)"', conditions) + re.findall(r'\{"(\w+)"', actions)
    told = [name for cells in rows(text) if len(cells) < 5 for name in names(cells[0])]
    assert sorted(told) == sorted(there) and len(there) == 12


# ---- words that clients see ----


def test_every_word_of_weldr_error_has_its_entry():
    there = {unquote(word): int(status) for _, word, status, *_ in def_rows("stats/ends.def", "END")}
    told = headings("troubleshooting.md")
    assert sorted(told) == sorted(there)
    for word in told:
        text = section("troubleshooting.md", f"`{word}`")
        if there[word] in (0, 503):  # those of 503 may say it for their whole section
            continue
        assert re.search(rf"Status (\d+, )*{there[word]}\b", text), word


def test_faults_are_those_of_the_table():
    """Whose fault it is: as ends.def blames. What Weldr answers for, its machine, its load or its drain explain."""
    words = {"CLIENT": ("the client.",), "SERVER": ("the server.", "the server, or the network."), "POOL": ("the pool.",),
             "WELDR": ("this machine.", "load.", "one client.", "nobody.", "Weldr."), "NOBODY": ("",)}
    for _, word, _, blame, *_ in def_rows("stats/ends.def", "END"):
        text = " ".join(section("troubleshooting.md", f"`{unquote(word)}`").split())
        fault = text.partition("**Fault:** ")[2]
        assert fault.startswith(words[blame]) and bool(fault) == (blame != "NOBODY"), word


def test_every_exit_code_has_its_row():
    told = [cells[0] for cells in rows(section("settings.md", "Exit codes"))[1:]]
    assert told == re.findall(r'^ +"  (\d)  ', source("config/config_help.c"), re.MULTILINE) and len(told) == 5


def test_every_problem_code_has_its_entry():
    """Those of the table, and the words of base/errors.def that operators can mend."""
    there = {unquote(code): status for status, code, *_ in def_rows("manager/api_problems.def", "PROBLEM")}
    there.update({"bad_request": "4xx or 5xx", "internal": "422"}, **dict.fromkeys(("nomem", "no_fd", "no_process"), "503"))
    assert sorted(headings("problems.md")) == sorted(there) and len(there) > 30
    for code, status in there.items():
        assert section("problems.md", f"`{code}`").strip().startswith(f"Status {status}. "), code
    words = {name.lower() for name in re.findall(r"^WERR\((\w+)", source("base/errors.def"), re.MULTILINE)}
    assert {"nomem", "no_fd", "no_process"} < words


# ---- what Weldr writes ----


@pytest.mark.smoke
def test_every_key_of_the_access_log_has_its_row(lab, tmp_path):
    """Of lines that have all keys; the members of an attempt stand in its row."""
    told = {name for cells in rows(section("access-log.md", "Keys"))[1:] for name in names(cells[0])}
    text = source("worker/access_line.c")
    there = set(re.findall(r'\\"(\w+)\\":', text))
    attempt = {"server", "ms", "detail"}
    assert attempt < there
    assert told == there - attempt
    row = next(cells for cells in rows(section("access-log.md", "Keys")) if "attempts" in cells[0])
    assert set(names(row[1])) == attempt | {"result"}
    path = tmp_path / "access.log"
    weldr = lab.weldr("--access-log", str(path))
    weldr.add(lab.origin(o.hello))
    weldr.ask()
    wait_until(lambda: path.read_text(), 5, "a line")
    line = json.loads(path.read_text())
    assert set(line) <= told and set(line["attempts"][0]) == {"server", "ms", "result"}


@pytest.mark.smoke
def test_every_family_of_metrics_has_its_row(lab):
    """With its type."""
    told = {cells[0].strip("`"): cells[1] for cells in rows(section("metrics.md", "Families")) if cells[0].startswith("`")}
    weldr, _ = lab.run(o.hello)
    there = dict(re.findall(r"^# TYPE (\w+) (\w+)$", weldr.api("GET", "/metrics").text, re.MULTILINE))
    assert told == there


def test_every_kind_of_event_has_its_row():
    told = [name for cells in rows(section("api/observe.md", "Events"))
            for name in names(cells[0]) if "_" in name]
    assert told == [unquote(row[1]) for row in def_rows("manager/events.def", "EVENT")]


def test_every_state_has_its_row():
    told = {cells[0].strip("`"): cells[1] for cells in rows(section("api/servers.md", "States"))[1:] if len(cells) == 3}
    there = {unquote(row[1]): "yes" if row[2] == "true" else "no" for row in def_rows("manager/server_state.def", "SERVER_STATE")}
    assert told == there


def members(weldr, schema):
    return set(weldr.api("GET", "/openapi.json").json["components"]["schemas"][schema]["properties"]) - {"links"}


@pytest.mark.smoke
def test_every_member_of_a_server_and_of_stats_has_its_row(weldr):
    server = {name for cells in rows(section("api/servers.md", "One server"))[1:] for name in names(cells[0])}
    assert server | {name for name in setting_rows("Server") if "." not in name} == members(weldr, "Server")
    stats = [name for cells in rows(section("api/observe.md", "Stats"))[1:] for name in names(cells[0])]
    assert set(stats) == members(weldr, "Stats") and len(stats) == len(set(stats))


# ---- requests ----

NAMES = {"pool": "NAME", "listener": "NAME", "rule": "PRIORITY", "certificate": "NAME", "ip": "IP", "port": "PORT", "member": "ID",
         "vip": "ADDRESS", "file": "FILE",
         "revision": "REVISION"}


def operations(weldr):
    """(method, path as documents write it, keys of its query). Servers of other pools, and by id, are the same again."""
    for path, item in weldr.api("GET", "/openapi.json").json["paths"].items():
        if path.startswith("/pools/{pool}/servers") or "{id}" in path:
            continue
        for method in item.keys() - {"parameters"}:
            keys = {parameter["name"] for parameter in item[method].get("parameters", ()) if parameter.get("in") == "query"}
            yield method.upper(), re.sub(r"\{(\w+)\}", lambda match: NAMES[match.group(1)], path), keys


def told_requests():
    """Of a row "`GET`, `PATCH /a`, `/b`, `…/c`": each method with each path; "…" is what the path before ends with."""
    for cells in rows(section("api.md", "Requests")):
        methods, paths = [], []
        for name in names(cells[0]):
            method, _, path = name.rpartition(" ")
            if path.startswith("…"):
                path = paths[0].rsplit("/", 1)[0] + path[1:] if paths else ""
            methods += [method or path] if not path.startswith("/") or method else []
            paths += [path] if path.startswith("/") else []
        yield from ((method, path) for method in methods for path in paths)


@pytest.mark.smoke
def test_every_request_has_its_row(weldr):
    assert set(told_requests()) == {(method, path) for method, path, _ in operations(weldr)}


@pytest.mark.smoke
def test_every_key_of_a_query_has_its_row(weldr):
    told = {name for cells in rows(section("api.md", "Query keys"))[1:] for name in names(cells[0])}
    assert told == {key for _, _, keys in operations(weldr) for key in keys}
