"""Who sees little, or uses no mouse: axe's judgement of each state of the page, in each look, and all actions by keyboard."""

import pytest

import origins as o
from rawhttp import wait_until

ENTER, DOWN, UP, TAB, ESCAPE, SPACE = "\ue007", "\ue015", "\ue013", "\ue004", "\ue00c", " "
LOOKS = {"light": (1400, 1500), "dark": (1400, 1500), "narrow": (360, 2000), "narrow-dark": (360, 2000)}


def fits(page):
    """Nothing is wider than the window: the page does not scroll sideways."""
    return page.run("return document.documentElement.scrollWidth <= innerWidth")


def cut_off(page):
    """Texts that their box does not show whole, outside of what may be cut with dots or scrolled."""
    return page.run("""return [...document.querySelectorAll('h1, h2, h3, button, label, dt, dd, th, .badge, dialog[open] p')]
        .filter(e => e.offsetParent !== null && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')
        .map(e => e.tagName + ' ' + e.id + ' ' + e.textContent.slice(0, 40))""")


@pytest.mark.parametrize("looks", LOOKS)
def test_each_state(lab, page, looks):
    weldr, one, _ = lab.run(o.hello, o.answer(500))
    weldr.add(lab.dead_origin())
    weldr.api("PUT", "/vips/192.0.2.10", {"interface": "lo"})
    if "dark" in looks:
        page.go_dark()
    page.resize(*LOOKS[looks])
    page.show(weldr)
    page.wait("return document.querySelector('#numbers div:last-child dd').textContent !== '–'")  # from now on failures are told
    for _ in range(20):
        weldr.ask()
    weldr.connect().send(b"NONSENSE\r\n\r\n").response()
    page.wait("return document.querySelectorAll('#results tbody td').length > 1 && document.querySelectorAll('#workers tbody td').length > 1")
    page.wait_text("#vips", "192.0.2.10")
    page.wait("return document.querySelector('#numbers dd').textContent !== '–'")
    page.add_axe()

    def judge(name):
        page.shot(f"{name}-{looks}")
        assert page.serious() == [], name
        assert fits(page), name
        assert cut_off(page) == [], name

    judge("page")
    page.run("document.querySelector('[data-period=\"10\"]').click()")
    page.run("document.querySelector('#rows .row[aria-rowindex=\"2\"]').click()")
    page.wait_text("#server-actions", "Drain")
    judge("server")
    page.press("#server-actions", "Drain")
    page.wait_text("#confirm-effect", "%")
    judge("drain")
    page.run("document.getElementById('confirm').close()")
    page.press("#server-actions", "Weight")
    page.wait("return !document.getElementById('confirm-yes').disabled")
    judge("weight")
    page.run("document.getElementById('confirm').close(); document.getElementById('server').close()")
    page.press("#vips", "Move")
    page.wait("return document.getElementById('confirm').open && document.getElementById('confirm-problem').textContent + document.getElementById('confirm-effect').textContent !== ''")
    judge("move")
    page.run("document.getElementById('confirm').close(); document.getElementById('explain-open').click()")
    page.wait("return document.getElementById('explain').open")
    page.run("document.querySelector('#explain button[type=submit]').click()")
    page.wait_text("#explain-out", "default")
    judge("explain")
    page.run("document.getElementById('explain').close(); document.getElementById('token-open').click()")
    page.wait("return document.getElementById('token').open")
    judge("token")
    page.judge()


@pytest.mark.parametrize("looks", ["light", "narrow-dark"])
def test_a_node_with_nothing_on_it(lab, page, looks):
    weldr = lab.weldr()
    if "dark" in looks:
        page.go_dark()
    page.resize(*LOOKS[looks])
    page.show(weldr)
    page.wait("return document.querySelectorAll('#workers tbody td').length > 1")
    page.wait("return document.querySelector('#numbers dd').textContent !== '–'")
    page.shot(f"empty-{looks}")
    page.add_axe()
    assert page.serious() == [] and fits(page) and cut_off(page) == []
    page.judge()


def focus(page):
    return page.run("const e = document.activeElement; return [e.id, e.textContent.trim().slice(0, 20), e.closest('dialog')?.id ?? '']")


def tab_to(page, what):
    """By the Tab key alone; within as many as the page has."""
    for _ in range(60):
        if what in focus(page):
            return
        page.keys(TAB)
    raise AssertionError(f"Tab never comes to {what}; now {focus(page)}")


def test_a_drain_by_keyboard_alone(lab, page):
    weldr, one, two = lab.run(o.hello, o.hello)
    page.show(weldr)
    page.keys(TAB)
    assert focus(page)[1] == "Skip to the servers"
    page.keys(ENTER)
    tab_to(page, "grid")
    page.keys(DOWN, DOWN, UP, ENTER)
    page.wait_text("#server-title", f":{one.port}")
    page.wait_text("#server-actions", "Drain")
    tab_to(page, "Drain")
    page.keys(ENTER)
    page.wait("return document.getElementById('confirm').open && !document.getElementById('confirm-yes').disabled")
    page.keys(ESCAPE)
    page.wait("return !document.getElementById('confirm').open")
    assert weldr.servers()[0]["admin"] == "enabled" and focus(page)[1] == "Drain"
    page.keys(SPACE)
    page.wait("return document.getElementById('confirm').open && !document.getElementById('confirm-yes').disabled")
    tab_to(page, "confirm-yes")
    page.keys(ENTER)
    wait_until(lambda: weldr.servers()[0]["admin"] == "draining", 10, "the drain")
    page.wait_text("#server-actions", "Resume")
    page.wait("return !document.getElementById('confirm').open && document.activeElement.closest('dialog')?.id === 'server'")
    page.keys(ESCAPE)
    page.wait("return document.activeElement.id === 'grid'")
    page.judge()


def test_weight_by_keyboard_alone(lab, page):
    weldr, one, _ = lab.run(o.hello, o.hello)
    page.show(weldr)
    page.run("document.getElementById('grid').focus()")
    page.keys(DOWN, ENTER)
    page.wait_text("#server-actions", "Weight")
    tab_to(page, "Weight")
    page.keys(ENTER)
    page.wait("return document.activeElement.id === 'weight'")
    page.keys(UP, UP)
    page.wait_text("#confirm-effect", "25 %")
    page.keys(ENTER)
    wait_until(lambda: weldr.servers()[0]["weight"] == 3, 10, "its weight")
    page.wait("return !document.getElementById('confirm').open")
    page.judge()
