"""The page of a real cluster: three nodes, a VIP that is moved by click, and members that go."""

import pytest
from bridge import Bridge
from fabric import DEVICE
from node import API_PORT
from rawhttp import wait_until

VIP, OTHER = "10.77.0.100", "10.77.0.101"
MEMBERS = "return [...document.querySelectorAll('#members tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
VIPS = MEMBERS.replace("members", "vips")


@pytest.fixture
def bridge_to():
    made = []

    def make(node):
        made.append(Bridge(node.host, ("127.0.0.1", API_PORT)))
        return made[-1].address
    yield make
    for bridge in made:
        bridge.close()


def row_of(page, address):
    return next((cells for cells in page.run(VIPS) if cells[0] == address), None)


def test_a_vip_is_moved(town, page, bridge_to):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    for address in VIP, OTHER:
        nodes[0].change("PUT", f"/vips/{address}", {"interface": DEVICE})
    ids = [node.id for node in nodes]
    holder = wait_until(lambda: nodes[0].get(f"/vips/{VIP}")["holder"], 30, "the VIP to be held")
    to = next(i for i in ids if i != holder)
    move = f"/vips/{VIP}/move?dry_run=true"
    wait_until(lambda: nodes[0].api("POST", move, {"to": to}).status == 200, 30, "another member to be fit")
    page.resize(1400, 1500)
    page.show_at(bridge_to(nodes[0]))
    page.wait(MEMBERS + ".length === 3")
    told = page.run(MEMBERS)
    assert {cells[0].split()[0] for cells in told} == set(ids) and f"{ids[0]} (this node)" in [cells[0] for cells in told]
    assert sorted(cells[1] for cells in told) == ["follower", "follower", "leader"]
    page.wait("return [...document.querySelectorAll('#vips tbody tr')].some(r => r.cells[0].textContent === arguments[0] && r.cells[1].textContent === arguments[1])",
              VIP, "held" if holder == ids[0] else "elsewhere")
    assert row_of(page, VIP)[2] == ("this node" if holder == ids[0] else holder)
    page.run("[...document.querySelectorAll('#vips button')].find(b => b.ariaLabel.endsWith(arguments[0])).click()", VIP)
    page.wait("return document.getElementById('confirm').open && !document.getElementById('confirm-yes').disabled")
    page.run("const s = document.getElementById('vip-to'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))", to)
    page.wait_text("#confirm-effect", to)
    page.wait("return !document.getElementById('confirm-yes').disabled")
    plan = nodes[0].api("POST", move, {"to": to})
    assert plan.status == 200 and plan.json["change"] in page.text("#confirm-effect") and holder in page.text("#confirm-effect")
    page.shot("cluster-move")
    page.add_axe()
    assert page.serious() == []
    assert nodes[0].get(f"/vips/{VIP}")["holder"] == holder, "nothing is done before the yes"
    page.click("#confirm-yes")
    wait_until(lambda: nodes[0].get(f"/vips/{VIP}")["holder"] == to, 30, "the VIP to be moved")
    page.wait("return !document.getElementById('confirm').open")
    page.wait("return [...document.querySelectorAll('#vips tbody tr')].some(r => r.cells[0].textContent === arguments[0] && r.cells[2].textContent === arguments[1])",
              VIP, "this node" if to == ids[0] else to)
    page.wait_text("#events", "vip moved")
    for _ in range(30):
        nodes[0].ask()
    page.shot("cluster")
    page.go_dark()
    page.resize(360, 2600)
    assert page.serious() == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    page.shot("cluster-narrow-dark")
    page.judge()


def test_a_member_goes_and_the_page_says_so(town, page, bridge_to):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    page.show_at(bridge_to(nodes[0]))
    page.wait(MEMBERS + ".length === 3")
    gone = nodes[2].id
    nodes[2].kill()
    page.wait(MEMBERS + ".some(c => c[0] === arguments[0] && /^([2-9]|[1-9][0-9]+)\\.[0-9] s ago$/.test(c[3]))", gone)
    page.shot("cluster-one-away")
    nodes[1].kill()
    page.wait_text("#events", "quorum lost")
    page.wait("return document.getElementById('members-note').textContent !== ''")
    page.shot("cluster-no-quorum")
    nodes[1].start()
    page.wait_text("#events", "quorum back")
    nodes[2].start()
    page.judge()
