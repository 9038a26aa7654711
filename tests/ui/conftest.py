"""Fixtures: those of the integration and cluster tests, and a browser. What a test shows of the page is kept in WELDR_UI_SHOTS, a
folder."""

import importlib.util
import os
import sys

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
for suite in ("cluster", "integration"):
    sys.path.insert(1, os.path.join(TESTS, suite))


def fixtures_of(suite):
    spec = importlib.util.spec_from_file_location(suite + "_conftest", os.path.join(TESTS, suite, "conftest.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


integration, cluster = fixtures_of("integration"), fixtures_of("cluster")
pytest_configure = integration.pytest_configure
pytest_runtest_makereport = integration.pytest_runtest_makereport
folder, lab, weldr = integration.folder, integration.lab, integration.weldr
town = cluster.town

from browser import Browser  # noqa: E402


class Page(Browser):
    """The dashboard of one Weldr. Its end asserts that the console was told nothing and that every request went to its origin."""

    def show(self, weldr, **more):
        self.show_at(weldr.admin, **more)

    def show_at(self, address, **more):
        self.origin = "http://{}:{}".format(*address)
        self.open(self.origin + "/ui")
        self.run("window.violations = []; document.addEventListener('securitypolicyviolation', e => window.violations.push(e.blockedURI))")
        if more.get("wait", True):
            self.wait_text("#link", "live")
            self.wait_text("#servers-title", "Servers of default")

    def add_axe(self):
        with open(os.path.join(os.path.dirname(TESTS), "build-tools", "npm", "node_modules", "axe-core", "axe.min.js"), encoding="utf-8") as file:
            self.run(file.read())

    def serious(self):
        """What axe finds that is serious or worse, as (rule, elements)."""
        found = self.run_async("const done = arguments[arguments.length - 1]; axe.run().then(r => done(r.violations), e => done(String(e)))")
        assert isinstance(found, list), found
        return [(v["id"], [node["target"] for node in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")]

    def shot(self, name):
        if os.environ.get("WELDR_UI_SHOTS"):
            self.screenshot(os.path.join(os.environ["WELDR_UI_SHOTS"], name + ".png"))

    def press(self, where, text):
        """The button in there that says so."""
        self.wait("return [...document.querySelectorAll(arguments[0] + ' button')].some(b => b.textContent === arguments[1])", where, text)
        self.run("[...document.querySelectorAll(arguments[0] + ' button')].find(b => b.textContent === arguments[1]).click()", where, text)

    def go_dark(self):
        self.set_looks("dark")

    def judge(self, was_away=False):
        """was_away: requests failed while the node was, which the browser tells the console, whatever a page does."""
        told = [text for _, text in self.console()]
        assert [text for text in told if not (was_away and "net::ERR_" in text)] == []
        assert self.run("return window.violations") == []
        names = self.run("return performance.getEntriesByType('resource').map(e => e.name)")
        assert names and all(name.startswith(self.origin + "/") for name in names), names


@pytest.fixture
def page(lab):
    page = Page()
    yield page
    page.close()
