"""A reader of GET /events as server-sent events (WHATWG HTML, section 9.2)."""

import http.client
import json
import time
import urllib.parse

from weldr import Promise


class Event:
    def __init__(self, kind, ident, data):
        self.kind, self.id, self.data = kind, ident, data

    def __getitem__(self, key):
        return self.data[key]

    def __repr__(self):
        return f"<{self.kind} {self.id} {self.data}>"


class EventStream:
    """Reads as a browser does: `id` counts even without an event, comments are passed over."""

    def __init__(self, weldr, query=None, last_id=None, timeout_s=20.0):
        self.connection = http.client.HTTPConnection(*weldr.admin, timeout=timeout_s)
        headers = {"Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        self.connection.request("GET", "/events" + ("?" + urllib.parse.urlencode(query) if query else ""), headers=headers)
        self.response = self.connection.getresponse()
        self.last_id, self.comments = None, 0
        if self.response.status == 200:
            assert self.response.headers["Content-Type"] == "text/event-stream"
            assert self.response.headers["Cache-Control"] == "no-store"

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.response.close()
        self.connection.close()

    @staticmethod
    def make_event(kind, ident, text):
        Promise.get().judge_event(kind, text)
        return Event(kind, ident, json.loads(text))

    def next(self):
        """The next event; None: the stream has ended in order."""
        kind, data, ident = "message", [], None
        while True:
            line = self.response.readline().decode()
            if not line:
                return None
            assert line.endswith("\n"), line
            name, _, value = line[:-1].partition(": ")
            if line == "\n":
                if ident:
                    self.last_id = ident
                if data:
                    return self.make_event(kind, ident, "\n".join(data))
                kind, data, ident = "message", [], None
            elif name == "":
                self.comments += 1
            elif name == "id":
                ident = value
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif line.startswith(":"):
                self.comments += 1
            else:
                raise AssertionError(f"line of no known field: {line!r}")

    def until(self, kind, limit_s=20.0, **wanted):
        """All events up to the first of this kind with these values."""
        deadline, seen = time.monotonic() + limit_s, []
        while time.monotonic() < deadline:
            event = self.next()
            assert event is not None, f"the stream has ended before {kind} {wanted}: {seen}"
            seen.append(event)
            if event.kind == kind and all(event.data.get(k) == v for k, v in wanted.items()):
                return seen
        raise AssertionError(f"no {kind} {wanted} in {limit_s} s: {seen}")
