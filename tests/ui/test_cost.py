"""What open dashboards cost the manager: twenty of them, each asking what the page asks, when it asks it."""

import http.client
import os
import threading
import time

import origins as o

PAGES, SECONDS, PERCENT = 20, 20, 3
# (every so many seconds, what), as ui/main.js has it.
ASKED = [(1, "/stats/samples?step=1&limit=3"), (10, "/stats/samples?step=10&limit=3"), (5, "/stats/samples?servers={ids}&pools=default"),
         (5, "/stats"), (5, "/health"), (5, "/cluster"), (5, "/vips"), (5, "/workers"), (60, "/pools"), (300, "/certificates")]


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(connection, path):
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    assert response.status == 200, path


class Dashboard(threading.Thread):
    def __init__(self, weldr, ids, end):
        super().__init__()
        self.weldr, self.ids, self.end, self.asked = weldr, ids, end, 0

    def run(self):
        connection = http.client.HTTPConnection(*self.weldr.admin, timeout=30)
        stream = http.client.HTTPConnection(*self.weldr.admin, timeout=30)
        stream.request("GET", "/events?since=0", headers={"Accept": "text/event-stream"})
        stream.getresponse()
        last = {}
        while not self.end.is_set():
            now = time.monotonic()
            for every, path in ASKED:
                if now - last.get(path, 0) >= every - 0.1:
                    last[path] = now
                    ask(connection, path.format(ids=self.ids))
                    self.asked += 1
            self.end.wait(max(0, now + 1 - time.monotonic()))
        connection.close()
        stream.close()


def test_twenty_open_dashboards(lab):
    weldr, *_ = lab.run(o.hello, workers=2)
    servers = [{"url": f"http://10.1.{i >> 8}.{i & 255}:80", "check": {"type": "none"}} for i in range(1, 1000)]
    assert weldr.api("PUT", "/servers", {"servers": weldr.api("GET", "/servers").json["servers"] + servers}).status == 200
    ids = ",".join(s["id"] for s in weldr.api("GET", "/servers?limit=20&fields=id").json["servers"])
    before, began = cpu_s(weldr.pid), time.monotonic()
    time.sleep(5)
    idle = 100 * (cpu_s(weldr.pid) - before) / (time.monotonic() - began)
    end = threading.Event()
    pages = [Dashboard(weldr, ids, end) for _ in range(PAGES)]
    for page in pages:
        page.start()
    time.sleep(3)
    before, began, asked = cpu_s(weldr.pid), time.monotonic(), sum(page.asked for page in pages)
    time.sleep(SECONDS)
    took_s = time.monotonic() - began
    used, asked = 100 * (cpu_s(weldr.pid) - before) / took_s, sum(page.asked for page in pages) - asked
    end.set()
    for page in pages:
        page.join()
    print(f"manager with {PAGES} dashboards: {used:.2f} % of a core ({asked / took_s:.0f} requests/s); without: {idle:.2f} %")
    assert asked / took_s > PAGES or os.getloadavg()[0] > (os.cpu_count() or 1)
    assert used < PERCENT or os.environ.get("WELDR_BUILD") == "asan"
