"""A client of one node's API on a connection that it keeps, as scripts do; for threads, of which each has its own."""

import http.client
import json
import socket

from weldr import Answer, judge

TIMEOUT_S = 10.0
DONE, REFUSED, UNKNOWN = "done", "refused", "unknown"


class Asker:
    def __init__(self, node, timeout_s=TIMEOUT_S):
        self.node, self.timeout_s, self.connection = node, timeout_s, None

    def connect(self):
        connection = http.client.HTTPConnection(*self.node.api_address, timeout=self.timeout_s)
        connection.sock = self.node.host.socket(socket.AF_INET)
        connection.sock.settimeout(self.timeout_s)
        connection.sock.connect(self.node.api_address)
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection

    def ask(self, method, path, body=None):
        """An Answer; OSError or HTTPException: there was none."""
        try:
            if self.connection is None:
                self.connect()
            data = None if body is None else json.dumps(body)
            self.connection.request(method, path, body=data, headers={"Prefer": "return=minimal"} if method != "GET" else {})
            response = self.connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except BaseException:
            self.close()
            raise
        judge(method, path, answer.status, answer.get, answer.text, data)
        if answer.get("Connection") == "close":
            self.close()
        return answer

    def write(self, method, path, body=None):
        """What has become of a change: DONE, REFUSED (nothing was done) or UNKNOWN."""
        try:
            answer = self.ask(method, path, body)
        except ConnectionRefusedError:
            return REFUSED
        except (OSError, http.client.HTTPException):
            return UNKNOWN
        if answer.status < 300:
            return DONE
        assert answer.status in (503, 504, 507), (method, path, answer)
        # A node that is told to end has no time to find out.
        return UNKNOWN if answer.status == 504 or answer.json["code"] == "draining" else REFUSED

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None
