"""Fixtures: those of the integration tests, and a browser. What a test shows of the page is kept in WELDR_UI_SHOTS, a folder."""

import importlib.util
import os
import sys

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INTEGRATION = os.path.join(TESTS, "integration")
sys.path.insert(1, INTEGRATION)

spec = importlib.util.spec_from_file_location("integration_conftest", os.path.join(INTEGRATION, "conftest.py"))
integration = importlib.util.module_from_spec(spec)
spec.loader.exec_module(integration)
pytest_configure = integration.pytest_configure
pytest_runtest_makereport = integration.pytest_runtest_makereport
folder, lab, weldr = integration.folder, integration.lab, integration.weldr

from browser import Browser  # noqa: E402


class Page(Browser):
    """The dashboard of one Weldr. Its end asserts that the console was told nothing and that every request went to its origin."""

    def show(self, weldr, **more):
        self.origin = "http://{}:{}".format(*weldr.admin)
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

    def judge(self):
        assert self.console() == []
        assert self.run("return window.violations") == []
        names = self.run("return performance.getEntriesByType('resource').map(e => e.name)")
        assert names and all(name.startswith(self.origin + "/") for name in names), names


@pytest.fixture
def page(lab):
    page = Page()
    yield page
    page.close()
