"""GET /openapi.json: valid by a public validator, true to the routes, and held against every response of the suite (contract.py)."""

import copy
import json
import os
import re
import subprocess

import pytest

from contract import Contract
from event_stream import EventStream
from rawhttp import HOST, Client
from weldr import Promise, ask_http

HERE = os.path.dirname(os.path.abspath(__file__))
NPM = os.path.join(HERE, "..", "..", "build-tools", "npm")
METHODS = ("get", "post", "put", "patch", "delete")


def document_of(weldr, path="/openapi.json"):
    answer = weldr.api("GET", path)
    assert answer.status == 200, answer
    return answer.json


def validate(document, tmp_path):
    """What the validator has to say."""
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    done = subprocess.run(["node", os.path.join(HERE, "openapi_check.mjs"), NPM, str(file)], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.stderr == "", done.stderr
    assert (done.returncode == 0) == (done.stdout == "")
    return done.stdout


def operations(document):
    return [(method, path, operation) for path, item in document["paths"].items()
            for method, operation in item.items() if method in METHODS]


# ---- the document

@pytest.mark.smoke
def test_it_is_valid(weldr, tmp_path):
    assert validate(document_of(weldr), tmp_path) == ""


def no_reference(document):
    del document["components"]["schemas"]["Link"]


def no_place(document):
    del document["paths"]["/explain"]["get"]["parameters"][0]["in"]


def no_type(document):
    document["components"]["schemas"]["Link"]["properties"]["rel"]["type"] = "txt"


@pytest.mark.parametrize("spoil", [no_reference, no_place, no_type])
def test_the_validator_finds_what_is_wrong(weldr, tmp_path, spoil):
    document = document_of(weldr)
    spoil(document)
    assert validate(document, tmp_path) != ""


def fill(path):
    """A path that is there for the router, whether or not there is such a thing."""
    return path.replace("{port}", "80").replace("{rule}", "1").replace("{", "").replace("}", "")


@pytest.mark.smoke
def test_its_methods_are_those_of_the_routes(weldr):
    document = document_of(weldr)
    for path, item in document["paths"].items():
        allowed = set(weldr.api("OPTIONS", fill(path)).get("Allow").split(", ")) - {"OPTIONS", "HEAD"}
        described = {method.upper() for method in item if method in METHODS}
        # /servers/{id}/drain is also a /servers/{ip}/{port}.
        assert described <= allowed, path
        assert described == allowed or "{" in path, path
    named = {operation["operationId"] for _, _, operation in operations(document)}
    assert len(named) == len(operations(document))


def keys_that_it_names(weldr, method, path):
    """A key that is not known is refused, with those that are."""
    answer = weldr.api(method.upper(), fill(path) + "?nothing_of_it=1")
    assert (answer.status, answer.json["code"]) == (422, "unknown_key"), answer
    names = re.search(r"[Tt]here are (.*)$", answer.json["detail"])
    return set(names.group(1).split(", ")) if names else set()


def test_its_query_keys_are_those_of_the_routes(weldr):
    document = document_of(weldr)
    checked = 0
    for method, path, operation in operations(document):
        keys = {p["name"] for p in operation.get("parameters", []) if p.get("in") == "query"}
        if operation.get("security") == []:
            assert keys <= {"role"}, path  # any at all besides, for load balancers
            continue
        assert keys == keys_that_it_names(weldr, method, path), (method, path)
        checked += len(keys)
    assert checked > 50


def test_it_is_a_document_like_others(weldr):
    """Linked, in pages, with an ETag, below /v1 for who asks there."""
    links = {link["rel"]: link["href"] for link in weldr.api("GET", "/v1").json["links"]}
    assert links["openapi"] == "/v1/openapi.json"
    first = weldr.api("GET", "/openapi.json")
    assert first.get("Content-Type") == "application/json"
    assert first.get("Transfer-Encoding") == "chunked" and len(first.data) > 65536
    assert weldr.api("GET", "/openapi.json", headers={"If-None-Match": first.get("ETag")}).status == 304
    head = weldr.api("HEAD", "/openapi.json")
    assert (head.status, head.data, head.get("ETag")) == (200, b"", first.get("ETag"))
    below = weldr.api("GET", "/v1/openapi.json")
    assert below.get("ETag") != first.get("ETag")
    assert first.json["servers"] == [{"url": "/"}] and below.json["servers"] == [{"url": "/v1"}]
    assert {**first.json, "servers": None} == {**below.json, "servers": None}
    assert first.json["info"]["version"] == weldr.api("GET", "/").json["version"]


def test_it_needs_the_rights_of_a_reader(lab, tmp_path):
    file = tmp_path / "tokens"
    file.write_text("looker:sesame-sesame-sesame-sesame:read\n")
    file.chmod(0o600)
    weldr = lab.weldr("--admin-token-required", "--admin-tokens-file", str(file), token="sesame-sesame-sesame-sesame")
    assert document_of(weldr)["openapi"] == "3.1.0"
    assert ask_http(weldr.admin, "GET", "/openapi.json").status == 401


def numbers(schemas, schema):
    """(keys that lead to it, schema) of every setting with a most."""
    for key, member in schema["properties"].items():
        inner = [schemas[one["$ref"].rpartition("/")[2]] for one in member.get("anyOf", []) if "$ref" in one]
        if "maximum" in member:
            yield (key,), member
        for group in [member] if "properties" in member else inner:
            for keys, setting in numbers(schemas, group) if "properties" in group else ():
                yield (key, *keys), setting


def nest(keys, value):
    return {keys[0]: nest(keys[1:], value) if len(keys) > 1 else value}


@pytest.mark.parametrize("path,name,least_n", [("/pools/default", "Pool", 20), ("/listeners/default", "Listener", 15),
                                               ("/node", "Node", 2), ("/servers/127.0.0.1/1", "Server", 7)])
def test_settings_have_its_limits_and_defaults(weldr, path, name, least_n):
    """What the document says of a setting is what the API does."""
    weldr.add("http://127.0.0.1:1", check=None)
    schemas = document_of(weldr)["components"]["schemas"]
    found = list(numbers({k: v for k, v in schemas.items() if k.startswith("Check")}, {"properties": {
        key: member for key, member in schemas[name + "Request"]["properties"].items() if key != "default_action"}}))
    assert len(found) >= least_n
    for keys, setting in found:
        for wish, status in ((setting["maximum"] + 1, 422), (setting["minimum"] - 1, 422), (setting["maximum"], 200), (setting["minimum"], 200)):
            assert weldr.api("PATCH", path + "?dry_run=true", nest(keys, wish)).status == status, (keys, wish)
        shown = weldr.api("GET", path).json
        for key in keys:
            shown = shown[key]
        assert shown == setting.get("default", shown) or keys == ("workers",), keys


# ---- the judge

@pytest.fixture(name="document")
def fixture_document():
    return copy.deepcopy(Promise.get().document)


def judge(document, method="GET", target="/pools/default", status=200, body=None, fields=None, request=None):
    fields = {"Content-Type": "application/json", **(fields or {})}
    Contract(document).judge(method, target, status, fields.get, "" if body is None else json.dumps(body), request)


def test_a_response_that_it_promises_passes(weldr, document):
    judge(document, body=weldr.api("GET", "/pools/default").json)
    problem = weldr.api("GET", "/pools/nothing")
    judge(document, target="/v1/pools/nothing/", status=404, body=problem.json, fields={"Content-Type": "application/problem+json"})
    judge(document, method="HEAD")
    judge(document, method="OPTIONS", target="/anything", status=204)


def test_a_wrong_document_is_found(weldr, document):
    """Each would go unseen in a judge that passes over something."""
    pool = weldr.api("GET", "/pools/default").json
    properties = document["components"]["schemas"]["Pool"]["properties"]
    link = document["components"]["schemas"]["Link"]["properties"]["rel"]
    get = document["paths"]["/pools/{pool}"]["get"]
    spoilt = [
        (properties, "policy"),                                      # a member that the document does not know
        (properties["retry"]["properties"], "attempts"),             # … further within
        (get["responses"], "200"),                                   # a status
        (get["responses"]["200"]["content"], "application/json"),    # a media type
        (document["paths"], "/pools/{pool}"),                        # a path
        (document["paths"]["/pools/{pool}"], "get"),                 # a method
    ]
    for holder, key in spoilt:
        kept = holder.pop(key)
        with pytest.raises(AssertionError):
            judge(document, body=pool)
        holder[key] = kept
    link["type"] = "integer"
    with pytest.raises(AssertionError):
        judge(document, body=pool)
    link["type"], link["maxLength"] = "string", 9
    with pytest.raises(AssertionError, match="nothing checks"):
        judge(document, body=pool)


def test_a_wrong_response_is_found(weldr, document):
    pool = weldr.api("GET", "/pools/default").json
    wrong = [{**pool, "news": 1}, {k: v for k, v in pool.items() if k != "policy"}, {**pool, "policy": "best"}, {**pool, "servers": -1},
             {**pool, "timeouts": {**pool["timeouts"], "connect_ms": 0}}, [], None, "pool"]
    for body in wrong:
        with pytest.raises(AssertionError):
            judge(document, body=body if body is not None else {})
    with pytest.raises(AssertionError):
        judge(document, body=pool, fields={"Location": "/pools/default"})
    with pytest.raises(AssertionError):
        judge(document, target="/pools/default/more", body=pool)
    problem = weldr.api("GET", "/pools/nothing").json
    for news in ({"code": "gone"}, {"status": 409}, {"more": 1}):
        with pytest.raises(AssertionError):
            judge(document, status=404, body={**problem, **news}, fields={"Content-Type": "application/problem+json"})


def test_a_request_that_it_does_not_know_is_found(weldr, document):
    pool = weldr.api("GET", "/pools/default").json
    judge(document, method="PATCH", body=pool, request='{"policy": null, "retry": {"attempts": 3}}')
    for request in ('{"policies": "p2c"}', '{"policy": 1}', '{"retry": {"attempts": 99}}'):
        with pytest.raises(AssertionError):
            judge(document, method="PATCH", body=pool, request=request)


def test_every_client_of_the_suite_has_its_responses_judged(weldr, document, monkeypatch):
    """With a document that knows no member of anything, none passes."""
    weldr.patch_node({"log_level": "warn"})
    for name, schema in document["components"]["schemas"].items():
        if name != "Problem":
            schema["properties"] = {}
    monkeypatch.setattr(Promise, "contract", Contract({**document, "paths": {}}))
    with pytest.raises(AssertionError):
        weldr.api("GET", "/pools")
    with Client(weldr.admin) as client, pytest.raises(AssertionError):
        client.ask("GET", "/pools")
    with Client(weldr.admin) as client, pytest.raises(AssertionError):
        client.send(f"GET /nothing HTTP/1.1\r\nHost: {HOST}\r\n\r\nGET /pools HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        assert client.response().status == 404
        client.response()
    document["components"]["schemas"]["Event"]["properties"]["kind"] = {"enum": ["node_changed"]}
    monkeypatch.setattr(Promise, "contract", Contract(document))
    with EventStream(weldr, {"since": "0", "kind": "node_changed"}) as stream, pytest.raises(AssertionError):
        stream.next()
    monkeypatch.undo()
