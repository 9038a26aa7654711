"""Who takes part in the benchmark, set up as someone would who knows them well.

Each function returns the command that serves on `port` of 127.0.0.1 from the origin's port.

nginx gets buffers in which the bodies of the workloads fit, so that none goes through a file: with the
8 KiB that it has for requests by default, W6 would cost it tenfold. haproxy gets room for a whole answer of W3
in a buffer, and splices; without a bound it would reserve descriptors for a pipe per four connections,
and without the ratios of descriptors it would keep no connection to the origin alive in W1-10k.

With TLS all have what they have by default but for versions; the load and the origin want TLS 1.3 with X25519 and
AES-128-GCM. Servers with TLS are verified.
"""
import json
import os
import pwd
import subprocess
import urllib.request

import certificates
import machine
import workloads

LOG_FILE = "access.log"
HAPROXY_HOT_BYTES = 16 * 1024 * 1024

NGINX_CONFIG = """
{user}
worker_processes 1;
daemon off;
pid {work}/nginx.pid;
error_log stderr error;
events {{
    worker_connections {connections};
    multi_accept on;
}}
http {{
    access_log off;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    client_body_buffer_size 64k;
    keepalive_requests 1000000000;
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096{front};
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{
            proxy_pass {scheme}://origin;
            {back}
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_buffer_size 16k;
            proxy_buffers 16 32k;
            proxy_max_temp_file_size 0;
        }}
    }}
}}
"""

NGINX_FRONT = """ ssl;
        ssl_certificate {pair.certificate};
        ssl_certificate_key {pair.key}"""

NGINX_BACK = """
            proxy_ssl_protocols TLSv1.2 TLSv1.3;
            proxy_ssl_name {name};
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {pair.certificate};
"""

HAPROXY_CONFIG = """
global
    nbthread 1
    maxconn {connections}
    maxpipes 256
    tune.pool-low-fd-ratio 90
    tune.pool-high-fd-ratio 95
    tune.bufsize 65536
    {hot}
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option forwardfor
    option splice-auto
    http-reuse always
listen bench
    bind 127.0.0.1:{port} {front}
    server origin 127.0.0.1:{origin} pool-max-conn -1 {back}
"""


def write_config(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class Setting:
    """What a contestant needs to know to be started."""

    def __init__(self, build, work, origin, admin, connections, cores, front=None, back=None):
        self.build, self.work, self.connections = build, work, connections
        self.origin, self.admin = origin, admin  # ports; that of the API is for whoever is set up through it
        self.core, _, self.many_cores = cores
        self.front, self.back = front, back  # certificates.Pair of who clients see, and of the origin; None: no TLS


def weldr(setting, port, *more, workers=1, admin=0, servers=("127.0.0.1",)):
    command = [
        os.path.join(setting.build, "weldr"), "--workers", str(workers), "--log-level", "error", "--ephemeral",
        "--ip", f"127.0.0.1:{port}{',tls' if setting.front else ''}", "--admin-ip", f"127.0.0.1:{admin}", *more,
    ]
    if setting.front:
        command += ["--certificate", setting.front.certificate, "--certificate-key", setting.front.key]
    for server in servers:
        command += ["--server", f"{'https' if setting.back else 'http'}://{server}:{setting.origin}"]
    return command


def weldr_servers(setting, port):
    """Every server has an address of its own, all of which lead to the same origin."""
    return weldr(setting, port, servers=[f"127.1.{i // 250}.{i % 250 + 1}" for i in range(workloads.MANY_SERVERS)])


def weldr_rules(setting, port):
    return weldr(setting, port, admin=setting.admin)


def add_rules(setting):
    """Ten paths of each of a hundred hosts."""
    for i in range(workloads.MANY_RULES):
        rule = {"priority": i + 1, "action": {"fixed": {"status": 200}},
                "conditions": {"host": f"h{i // 10}.shop.example", "path_prefix": f"/service/{i}"}}
        request = urllib.request.Request(f"http://127.0.0.1:{setting.admin}/listeners/default/rules",
                                         json.dumps(rule).encode())
        with urllib.request.urlopen(request) as response:
            response.read()


def weldr_log(setting, port):
    return weldr(setting, port, "--access-log", os.path.join(setting.work, LOG_FILE))


def weldr_workers(setting, port):
    return weldr(setting, port, workers=workloads.MANY_WORKERS)


def let_take_part(before):
    """Another build of Weldr, as `weldr-before`: what a change costs is seen in one run only."""
    def weldr_before(setting, port):
        return [before, *weldr(setting, port)[1:]]
    CONTESTANTS["weldr-before"] = weldr_before


def nginx(setting, port):
    user = f"user {pwd.getpwuid(0).pw_name};" if os.getuid() == 0 else ""
    front = NGINX_FRONT.format(pair=setting.front) if setting.front else ""
    back = NGINX_BACK.format(pair=setting.back, name=certificates.NAME) if setting.back else ""
    text = NGINX_CONFIG.format(user=user, work=setting.work, port=port, origin=setting.origin,
                               connections=2 * setting.connections, front=front, back=back,
                               scheme="https" if setting.back else "http")
    path = write_config(os.path.join(setting.work, "nginx.conf"), text)
    return [machine.find_program("nginx"), "-p", setting.work, "-e", "stderr", "-c", path]


def haproxy(setting, port):
    """Sets a larger hot cache where the version knows that: in 3.4 its default costs 8-11 %."""
    program = machine.find_program("haproxy")
    path = os.path.join(setting.work, "haproxy.cfg")
    front = f"ssl crt {setting.front.both}" if setting.front else ""
    back = (f"ssl verify required ca-file {setting.back.certificate} sni str({certificates.NAME}) "
            f"verifyhost {certificates.NAME}") if setting.back else ""
    for hot in (f"tune.memory.hot-size {HAPROXY_HOT_BYTES}", ""):
        write_config(path, HAPROXY_CONFIG.format(port=port, origin=setting.origin, hot=hot,
                                                 connections=setting.connections, front=front, back=back))
        if machine.run_quietly([program, "-c", "-q", "-f", path]):
            break
    return [program, "-db", "-q", "-f", path]


def relay(setting, port):
    return [os.path.join(setting.build, "bench", "relay"), f"port={port}", f"origin={setting.origin}",
            f"cc={machine.CONGESTION}"]


CONTESTANTS = {
    "weldr": weldr,
    "nginx": nginx,
    "haproxy": haproxy,
    "relay": relay,
    "weldr-servers": weldr_servers,
    "weldr-rules": weldr_rules,
    "weldr-log": weldr_log,
    "weldr-workers": weldr_workers,
}


# What is done to a contestant that answers, before it is measured.
PREPARE = {"weldr-rules": add_rules}


def cores_of(name, setting):
    return setting.many_cores if name == "weldr-workers" else setting.core


def is_installed(name):
    return name not in workloads.PEERS or machine.find_program(name) is not None


def version_of(name, build):
    """The first line that the program says about itself."""
    program, flag = {
        "weldr": (os.path.join(build, "weldr"), "--version"),
        "nginx": (machine.find_program("nginx"), "-v"),
        "haproxy": (machine.find_program("haproxy"), "-v"),
    }[name]
    result = subprocess.run([program, flag], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return result.stdout.strip().partition("\n")[0]
