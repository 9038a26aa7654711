"""What GET /openapi.json promises, held against every response of the management API in this suite.

A response is looked up by method, path and status; a route, a status or a media type that the document does not know fails, as
does a body that its schema does not allow. Objects of Weldr's have no members beside those of their schema, so a member that the
document does not know fails too. A request that was a success must have had a body that the document allows.

The schemas are compiled (fastjsonschema) when they are first needed, once a process. That library knows the words of JSON Schema
that KNOWN lists, and passes over others: a document with others fails.
"""

import copy
import json
import re
import urllib.parse

import fastjsonschema

KNOWN = {"$ref", "additionalProperties", "allOf", "anyOf", "const", "default", "description", "enum", "format", "items", "maxProperties",
         "maximum", "minProperties", "minimum", "pattern", "properties", "required", "type"}
# Fields of a response that the document names where they may be.
FIELDS = ("ETag", "Location", "Retry-After", "Allow", "WWW-Authenticate", "Preference-Applied", "X-Weldr-Not-Applied")
# Of a request that reaches no route: malformed, refused for its head, or the path or method is not there.
NO_ROUTE = (400, 401, 403, 404, 405, 408, 413, 414, 421, 431, 501, 503, 505)


def find_unknown_words(schema):
    """Words of a schema and those within it that would not be checked."""
    found = set()
    if isinstance(schema, list):
        return found.union(*map(find_unknown_words, schema))
    if not isinstance(schema, dict):
        return found
    for key, value in schema.items():
        if key == "properties":
            found = found.union(*map(find_unknown_words, value.values()))
        elif key in ("items", "additionalProperties", "allOf", "anyOf"):
            found |= find_unknown_words(value)
    return found | (set(schema) - KNOWN)


def to_regex(path):
    """"/pools/{pool}" as what matches a path with it."""
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", path.rstrip("/"))))


def normalize(target):
    """As api_route_normalize: the path of a target, without /v1 and a slash at its end; "" is the root."""
    path = re.sub(r"^http://[^/?]*", "", target).partition("?")[0]
    path = urllib.parse.unquote(path, errors="replace")
    if path == "/v1" or path.startswith("/v1/"):
        path = path[3:]
    return path[:-1] if path.endswith("/") else path


def find_names(node):
    """The named schemas that a part of the document refers to at once."""
    if isinstance(node, list):
        return set().union(*map(find_names, node))
    if not isinstance(node, dict):
        return set()
    here = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
    return here.union(*map(find_names, node.values()))


class Contract:
    def __init__(self, document):
        self.document = document
        self.schemas = document["components"]["schemas"]
        self.checks = {}
        # Literal segments go before named ones: /servers/{id}/drain before /servers/{ip}/{port}.
        self.paths = sorted(((path.count("{"), to_regex(path), item) for path, item in document["paths"].items()), key=lambda row: row[0])

    # ---- finding

    def resolve(self, node):
        while "$ref" in node:
            name = node["$ref"].split("/")[1:]
            node = self.document
            for step in name:
                node = node[step]
        return node

    def find(self, method, target):
        """The operation, or None."""
        path = normalize(target)
        for _, regex, item in self.paths:
            if regex.fullmatch(path) and method.lower() in item:
                return item[method.lower()]
        return None

    def compile(self, schema):
        key = json.dumps(schema, sort_keys=True)
        if key not in self.checks:
            unknown = find_unknown_words(schema)
            assert not unknown, f"words of a schema that nothing checks: {unknown}"
            whole = {"allOf": [schema], "components": {"schemas": self.find_needed(schema)}}
            self.checks[key] = fastjsonschema.compile(copy.deepcopy(whole), use_default=False)
        return self.checks[key]

    def find_needed(self, schema):
        """The named schemas that it comes to: fewer of them are compiled sooner."""
        needed, more = {}, find_names(schema)
        while more:
            needed.update({name: self.schemas[name] for name in more})
            more = find_names([self.schemas[name] for name in more]) - set(needed)
        unknown = find_unknown_words(list(needed.values()))
        assert not unknown, f"words of a schema that nothing checks: {unknown}"
        return needed

    # ---- judging

    def judge_json(self, schema, text, what):
        try:
            self.compile(schema)(json.loads(text))
        except (fastjsonschema.JsonSchemaValueException, ValueError) as error:
            raise AssertionError(f"{what}: {error}\n{text[:2000]}") from error

    @staticmethod
    def choose(schema, asked):
        """What is told in part is told so to who asks for it."""
        if "fields=" in asked:
            return schema
        others = [one for one in schema.get("anyOf", []) if not one.get("$ref", "").endswith("Part")]
        return {"anyOf": others} if others else schema

    def judge_response(self, response, what, fields, text):
        response = self.resolve(response)
        surplus = [name for name in FIELDS if fields(name) is not None and name not in response.get("headers", {})]
        assert not surplus, f"{what}: fields that the document does not have: {surplus}"
        content = response.get("content", {})
        media = (fields("Content-Type") or "").partition(";")[0]
        if not text:
            return
        assert media in content, f"{what}: {media} is not one of {list(content)}"
        if media.endswith("json"):
            self.judge_json(self.choose(content[media]["schema"], what), text, what)

    def judge_no_route(self, method, status, what, fields, text):
        if method == "OPTIONS" and status == 204:
            assert not text, what
            return
        assert status in NO_ROUTE, f"{what}: the document has no such method and path"
        self.judge_response(self.document["components"]["responses"][f"Problem{status}"], what, fields, text)

    def find_response(self, operation, status, text):
        """What the operation says of this status; None: nothing. Refused before any operation is looked at are HTTP that can't be read,
        and what an address of --metrics-ip does not have."""
        response = operation["responses"].get(str(status))
        refusals = ['"bad_request"', "this address has GET /metrics and nothing else"]
        if response is None and any(word in text for word in refusals):
            response = self.document["components"]["responses"].get(f"Problem{status}")
        return response

    def judge_request(self, operation, body, what):
        content = operation.get("requestBody", {}).get("content", {})
        if content and body:
            self.judge_json(content["application/json"]["schema"], body, f"{what}: request")

    def judge_event(self, kind, text):
        """One of a stream; a stream has events of its own beside those of the table."""
        if kind in self.schemas["Event"]["properties"]["kind"]["enum"]:
            self.judge_json({"$ref": "#/components/schemas/Event"}, text, f"event {kind}")

    def judge(self, method, target, status, fields, text, body=None):
        """fields(name): the value of a field of the response, or None. method None: what was asked is not known."""
        what = f"{method} {target}: {status}"
        operation = self.find("GET" if method == "HEAD" else method, target) if method else None
        if operation is None:
            if method or status >= 400:
                self.judge_no_route(method, status, what, fields, text)
            return
        response = self.find_response(operation, status, text)
        assert response is not None, f"{what}: the document does not have this status"
        assert text == "" or method != "HEAD", what
        self.judge_response(response, what, fields, text)
        if 200 <= status < 300:
            self.judge_request(operation, body, what)
