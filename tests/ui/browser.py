"""A real Chromium, driven over the WebDriver protocol (W3C) by Debian's chromedriver: no library is needed for that."""

import base64
import json
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


class BrowserError(Exception):
    pass


class Browser:
    """One window. `logs` has what the console was told, from all pages."""

    def __init__(self, width=1400, height=1000, dark=False):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.base = f"http://127.0.0.1:{self.read_port()}"
        # A container has no namespaces for the sandbox, and its root none either; /dev/shm may be small.
        flags = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server", f"--user-data-dir={self.profile.name}",
                 f"--window-size={width},{height}", "--hide-scrollbars", "--disable-background-networking", "--no-first-run"]
        options = {"args": flags + (["--force-dark-mode"] if dark else [])}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}}, at="")["sessionId"]
        self.set_looks("dark" if dark else "light")
        self.seen = []

    def read_port(self):
        for line in self.driver.stdout:
            if "started successfully on port" in line:
                return int(line.rstrip().rstrip(".").rsplit(" ", 1)[1])
        raise BrowserError("chromedriver did not start")

    def call(self, method, path, body=None, at=None):
        where = f"{self.base}{f'/session/{self.session}' if at is None else at}{path}"
        request = urllib.request.Request(where, method=method, data=None if method == "GET" else json.dumps(body or {}).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise BrowserError(json.load(error)["value"]["message"]) from None

    def cdp(self, command, **params):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def set_looks(self, scheme):
        """Without transitions: who judges colours is not to see those on the way."""
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}])

    def close(self):
        try:
            self.call("DELETE", "", at=f"/session/{self.session}")
        finally:
            self.driver.terminate()
            self.driver.wait(20)
            self.driver.stdout.close()
            self.profile.cleanup()

    def resize(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *args):
        """The body of a function of the page; arguments[0] … are args."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def run_async(self, script, *args):
        """The same; what it gives to its last argument is the value."""
        return self.call("POST", "/execute/async", {"script": script, "args": list(args)})

    def text(self, selector):
        return self.run("const e = document.querySelector(arguments[0]); return e && e.textContent", selector)

    def find(self, selector):
        element = self.call("POST", "/element", {"using": "css selector", "value": selector})
        return next(iter(element.values()))

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click")

    def type(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def keys(self, *keys):
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def wait(self, script, *args, within_s=60, what=None):
        """Until the script gives something true."""
        end = time.monotonic() + within_s
        while True:
            value = self.run(script, *args)
            if value:
                return value
            if time.monotonic() > end:
                raise BrowserError(f"not within {within_s} s: {what or script}")
            time.sleep(0.02)

    def wait_text(self, selector, text, within_s=60):
        self.wait("const e = document.querySelector(arguments[0]); return e !== null && e.textContent.includes(arguments[1])", selector, text,
                  within_s=within_s, what=f"{text!r} in {selector}")

    def console(self):
        """What the console was told since, as (level, message)."""
        return [(entry["level"], entry["message"]) for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("GET", "/screenshot")))
