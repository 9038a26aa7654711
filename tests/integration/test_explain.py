"""GET /explain: which listener, rule, pool and server a request would get, and why."""

import origins as o
import pytest
from failures import is_problem
from test_pools import add_pool, add_server
from test_rules import add_rule


def explain(weldr, query):
    answer = weldr.api("GET", f"/explain?{query}")
    assert answer.status == 200, answer
    return answer.json


@pytest.mark.smoke
def test_says_where_a_request_would_go(lab):
    weldr, origin = lab.run(o.hello)
    green = lab.origin(o.hello)
    add_pool(weldr, "green")
    server = add_server(weldr, "green", green)
    rule = add_rule(weldr, 10, {"path_prefix": "/canary", "host": "*.shop.example"}, {"forward": [{"pool": "green"}]})
    told = explain(weldr, "host=www.shop.example&path=/canary/a%3Fb=c&method=GET")
    assert (told["listener"], told["action"], told["pool"]) == ("default", "forward", "green")
    assert told["rule"]["id"] == rule["id"] and told["rule"]["priority"] == 10
    assert told["servers"] == [{"id": server["id"], "url": green.url, "state": "active", "usable": True}]
    told = explain(weldr, "host=www.other.example&path=/canary")
    assert (told["rule"], told["pool"]) == (None, "default")
    assert [over["priority"] for over in told["passed_over"]] == [10]
    assert [s["url"] for s in told["servers"]] == [origin.url]


def test_conditions_that_need_more_than_a_path(lab):
    weldr, _ = lab.run(o.hello)
    add_rule(weldr, 10, {"header": {"name": "X-Beta", "value": "yes"}},
             {"redirect": {"status": 302, "host": "beta.example"}})
    add_rule(weldr, 20, {"source": "10.0.0.0/8"}, {"fixed": {"status": 403}})
    add_rule(weldr, 30, {"method": "DELETE"}, {"fixed": {"status": 405}})
    told = explain(weldr, "path=/a&host=x.example&header=X-Beta:yes")
    assert (told["rule"]["priority"], told["action"], told["status"]) == (10, "redirect", 302)
    assert told["location"] == "http://beta.example/a"
    told = explain(weldr, "path=/a&source=10.1.2.3&header=X-Beta:no")
    assert (told["rule"]["priority"], told["action"], told["status"]) == (20, "fixed", 403)
    assert explain(weldr, "path=/a&method=DELETE")["rule"]["priority"] == 30
    assert explain(weldr, "path=/a")["rule"] is None


def test_refusals(weldr):
    is_problem(weldr.api("GET", "/explain?listener=none&path=/"), 404, "not_found")
    for query, field in (("path=a", "path"), ("path=/%zz", "path"), ("source=x", "source"), ("header=x", "header")):
        is_problem(weldr.api("GET", f"/explain?{query}"), 422, "invalid_value", field)
    is_problem(weldr.api("POST", "/explain", {}), 405, "method_not_allowed")
    assert explain(weldr, "")["pool"] == "default"
