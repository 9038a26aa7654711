"""GET /servers asked for a part: states, meta, members, and pages with a cursor."""

import json

import origins as o
import pytest
from failures import is_problem
from rawhttp import Client, wait_until

NONE = {"type": "none"}
EPOCH_OF_ANOTHER_LIFE = "1"


def url(i):
    return f"http://127.0.0.1:{20000 + i}"


def urls(document):
    return [server["url"] for server in document["servers"]]


def fill(weldr, n, path="/servers"):
    items = [{"url": url(i), "check": NONE, "weight": i % 2, "meta": {"team": "ab"[i % 2], "no": str(i)}} for i in range(n)]
    assert weldr.api("PUT", path, {"servers": items}).status == 200
    return [item["url"] for item in items]


def get(weldr, query="", path="/servers"):
    answer = weldr.api("GET", path + query)
    assert answer.status == 200, answer
    return answer.json


def link(document, rel):
    found = [one["href"] for one in document["links"] if one["rel"] == rel]
    assert len(found) < 2
    assert all(one["method"] == "GET" for one in document["links"] if one["rel"] == rel)
    return found[0] if found else None


def pages(weldr, query, path="/servers"):
    """All pages, as the links lead; each is what its own self link says."""
    href, n = path + query, 0
    while href is not None:
        page, n = get(weldr, path=href), n + 1
        assert n < 100, "it has no end"
        assert ("next" in page) == (link(page, "next") is not None)
        assert link(page, "self") == href
        yield page
        href = link(page, "next")


@pytest.mark.smoke
@pytest.mark.parametrize("path", ["/servers", "/pools/green/servers", "/v1/servers"])
def test_pages_hold_each_server_once(weldr, path):
    weldr.api("POST", "/pools", {"name": "green"})
    everything = fill(weldr, 25, path)
    page = get(weldr, "?limit=24", path)
    assert is_problem(weldr.api("PUT", path, page), 422, "invalid_value", "next"), "it would remove the 25th"
    for limit, n in ((1, 25), (7, 4), (24, 2), (25, 1), (1000, 1)):
        found = list(pages(weldr, f"?limit={limit}", path))
        assert len(found) == n, limit
        assert [u for page in found for u in urls(page)] == everything
        assert all(page["total"] == 25 for page in found)
    whole = get(weldr, path=path)
    assert urls(whole) == everything and "next" not in whole and link(whole, "next") is None
    first = get(weldr, "?limit=20", path)
    assert urls(get(weldr, f"?cursor={first['next']}", path)) == everything[20:], "without a limit: the rest"


def test_next_is_there_only_where_more_follows(weldr):
    everything = fill(weldr, 10)
    odd = everything[1::2]
    assert urls(get(weldr, "?meta.team=b")) == odd
    page = get(weldr, "?meta.team=b&limit=4")
    assert urls(page) == odd[:4]
    last = get(weldr, path=link(page, "next"))
    assert urls(last) == odd[4:] and "next" not in last
    assert "next" not in get(weldr, "?meta.team=b&limit=5"), "others follow, but none that was asked for"
    assert urls(get(weldr, "?meta.team=b&meta.no=3")) == [url(3)]
    nothing = get(weldr, "?meta.team=c&limit=1")
    assert (nothing["servers"], nothing["total"], "next" in nothing) == ([], 10, False)
    assert urls(get(weldr, "?meta.no=%34")) == [url(4)]


def test_what_comes_and_goes_moves_no_other(weldr):
    """Between any two pages servers are removed and added, before and behind the place."""
    everything = fill(weldr, 30)
    stays = set(everything[3::4])
    seen, href, removed = [], "/servers?limit=5", 0
    while href is not None:
        page = get(weldr, path=href)
        assert len(seen) < 100, "it has no end"
        seen += urls(page)
        href = link(page, "next")
        for u in [u for u in everything if u not in stays][removed:removed + 4]:
            assert weldr.api("DELETE", f"/servers/{u.removeprefix('http://').replace(':', '/')}").status == 200
        removed += 4
        weldr.add(url(100 + removed), check=NONE)
        weldr.api("PUT", f"/servers/127.0.0.1/{20000 + 3}", {"weight": removed, "check": NONE})
    assert len(seen) == len(set(seen))
    assert [u for u in seen if u in stays] == [u for u in everything if u in stays]


def test_servers_that_have_left_come_behind_all_others(lab):
    weldr = lab.weldr()
    origin = lab.origin(o.stall, host="0.0.0.0")
    port = origin.authority.rsplit(":", 1)[1]
    everything = [f"http://127.9.2.{i + 1}:{port}" for i in range(6)]
    for u in everything:
        weldr.add(u, check=NONE)
    clients = [weldr.connect().request() for _ in everything]
    wait_until(lambda: weldr.stats()["in_flight"] == 6, 10, "a request at each server")
    for i in (4, 0):
        weldr.api("DELETE", f"/servers/127.9.2.{i + 1}/{port}")
    left = [everything[4], everything[0]]
    in_pool = [u for u in everything if u not in left]
    found = list(pages(weldr, "?limit=1"))
    assert [u for page in found for u in urls(page)] == in_pool + left
    assert urls(get(weldr, "?state=draining")) == left
    page = get(weldr, "?limit=2")
    weldr.api("DELETE", f"/servers/127.9.2.2/{port}")  # was shown
    assert sum([urls(p) for p in pages(weldr, f"?limit=2&cursor={page['next']}")], urls(page)) == in_pool + left
    for client in clients:
        client.reset()
    wait_until(lambda: len(weldr.servers()) == 3, 10, "they are gone")


def test_states(weldr):
    everything = fill(weldr, 4)
    weldr.api("POST", f"/servers/127.0.0.1:{20001}/maintenance")
    assert urls(get(weldr, "?state=standby")) == [url(0), url(2)]
    assert urls(get(weldr, "?state=maintenance")) == [url(1)]
    assert urls(get(weldr, "?state=active,maintenance")) == [url(1), url(3)]
    assert urls(get(weldr, "?state=standby%2Cactive,maintenance")) == everything
    assert get(weldr, "?state=down")["servers"] == []


@pytest.mark.smoke
def test_members_are_picked_by_name(weldr):
    fill(weldr, 3)
    whole = get(weldr)["servers"]
    assert get(weldr, "?fields=url,state")["servers"] == [{k: s[k] for k in ("url", "state")} for s in whole]
    for name, value in whole[0].items():
        assert get(weldr, f"?fields={name}")["servers"][0] == {name: value}, name
    everything = ",".join(whole[0])
    assert get(weldr, f"?fields={everything}")["servers"] == whole
    assert list(whole[0])[-1] == "links" and len(whole[0]) == 24


BAD = [
    ("state=up", "state", "there are initial active"), ("state=", "state", 'can\'t be ""'),
    ("state=drainig", "state", 'did you mean "draining"?'), ("fields=urls", "fields", 'did you mean "url"?'),
    ("fields=url,,id", "fields", 'can\'t be ""'), ("limit=0", "limit", "from 1 to 1000"), ("limit=1001", "limit", "from 1 to 1000"),
    ("limit=ten", "limit", "from 1 to 1000"), ("cursor=x", "cursor", "gave as next"), ("cursor=", "cursor", "gave as next"),
    (f"cursor={EPOCH_OF_ANOTHER_LIFE}-2-0-0-0", "cursor", "before weldr was started"), ("cursor=" + "1" * 200, "cursor", "gave as next"),
    ("meta.=a", "meta", "meta.KEY=VALUE"), ("meta.a=%zz", "meta", "meta.KEY=VALUE"), ("limit=1&limit=2", "limit", "there twice"),
    ("meta.a=1&meta.a=1", "meta.a", "there twice"),
]


def test_bad_questions(weldr):
    fill(weldr, 2)
    for query, field, told in BAD:
        for path in ("/servers", "/v1/pools/default/servers"):
            problem = is_problem(weldr.api("GET", f"{path}?{query}"), 422, "invalid_value", field)
            assert told in problem["detail"], (query, problem)
    problem = is_problem(weldr.api("GET", "/servers?stat=down"), 422, "unknown_key", "stat")
    assert 'did you mean "state"?' in problem["detail"]
    is_problem(weldr.api("GET", "/servers/127.0.0.1/20000?fields=url"), 422, "unknown_key", "fields")
    is_problem(weldr.api("GET", "/servers?" + "&".join(f"meta.k{i}=1" for i in range(9))), 422, "invalid_value", "meta")
    assert weldr.api("GET", "/pools/none/servers?limit=1").status == 404


def test_head_and_tags(weldr):
    fill(weldr, 6)
    whole = weldr.api("GET", "/servers").get("ETag")
    tags = {}
    for query in ("limit=3", "meta.team=a", "fields=url", "state=active", "state=maintenance"):
        answer = weldr.api("GET", f"/servers?{query}")
        tags[query] = answer.get("ETag")
        head = weldr.api("HEAD", f"/servers?{query}")
        assert (head.status, head.get("ETag"), head.data) == (200, tags[query], b"")
        assert weldr.api("GET", f"/servers?{query}", headers={"If-None-Match": tags[query]}).status == 304
    assert len({whole, *tags.values()}) == 6, "each part has a tag of its own"
    answer = weldr.api("PUT", "/servers", {"servers": []}, headers={"If-Match": tags["limit=3"]})
    is_problem(answer, 412, "precondition_failed")
    # Which servers are in a state is no part of the description, and part of what was asked.
    weldr.api("POST", "/servers/127.0.0.1:20001/maintenance")
    for query in ("state=active", "state=maintenance"):
        assert weldr.api("GET", f"/servers?{query}", headers={"If-None-Match": tags[query]}).status == 200, query


def test_a_long_part_comes_in_pages_of_its_own(lab):
    """800 servers of 1,000 are more than the first page of a response, which then is chunked; they are found all the same."""
    weldr = lab.weldr(workers=1)
    everything = fill(weldr, 1000)
    with Client(weldr.admin) as api:
        answer = api.ask(target="/servers?limit=800")
        rest = api.ask(target=link(json.loads(answer.text), "next"))
        few = api.ask(target="/servers?fields=url&limit=1000")
    assert answer.get("Transfer-Encoding") == "chunked" and rest.get("Transfer-Encoding") == "chunked"
    assert urls(json.loads(answer.text)) + urls(json.loads(rest.text)) == everything
    assert "next" not in json.loads(rest.text)
    assert int(few.get("Content-Length")) < 64 * 1024 and urls(json.loads(few.text)) == everything
