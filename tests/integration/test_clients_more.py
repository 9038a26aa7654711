"""HTTPS with clients, servers and scanners of other people whose packages are heavy: `make test-clients`, not part of `make test`."""

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import tempfile
from xml.etree import ElementTree

import pytest

import origins as o
from conversation import CLIENTS, RIGHT, Talk, run, said
from ports import Port
from rawhttp import wait_until
from sides import secure
from test_clients import assert_answers
from tls_files import authority, openssl

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1800)]
RESOURCES = 100


# ---- clients

@pytest.mark.parametrize("program", ["with_requests.py", "with_aiohttp.py"])
def test_python(lab, tmp_path, program):
    talk = Talk(lab, tmp_path)
    assert said("/usr/bin/python3", CLIENTS / program, talk.url(), talk.authority) == RIGHT
    talk.assert_served()


def test_go(lab, tmp_path):
    talk = Talk(lab, tmp_path)
    run("go", "build", "-o", tmp_path / "get", CLIENTS / "get.go", timeout_s=300,
        env={"GOCACHE": str(tmp_path / "cache"), "GO111MODULE": "off", "GOFLAGS": ""})
    assert said(tmp_path / "get", talk.url(), talk.authority) == RIGHT
    talk.assert_served()


def test_java(lab, tmp_path):
    talk = Talk(lab, tmp_path)
    assert said("java", CLIENTS / "Get.java", talk.url(), talk.authority, timeout_s=120) == RIGHT
    talk.assert_served()


def page(lane, seen):
    """A page with many scripts; it counts those that ran."""
    scripts = "".join(f'<script src="/{n}.js"></script>' for n in range(RESOURCES))
    text = f"<!DOCTYPE html><title>wait</title><script>n = 0</script>{scripts}<script>document.title = `ran ${{n}}`</script>"
    o.answer(body=text.encode(), fields=[("Content-Type", "text/html")])(lane, seen)


def script(lane, seen):
    o.answer(body=b"n += 1;" + b" " * 5000, fields=[("Content-Type", "text/javascript")])(lane, seen)


def public_key_hash(pair):
    """What Chromium calls SPKI: its way of trusting a key without the store of certificates of a user."""
    key = openssl("pkey", "-in", pair.key_path, "-pubout", "-outform", "DER")
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def test_chromium(lab, tmp_path):
    talk = Talk(lab, tmp_path)
    talk.weldr.delete(lab.origins[0])
    talk.weldr.add(lab.origin(o.by_target({"/": page, "/favicon.ico": o.hello}, script)))
    text = said("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", "--no-proxy-server", f"--user-data-dir={tmp_path}/profile",
                f"--ignore-certificate-errors-spki-list={public_key_hash(secure().pair)}", "--timeout=30000", "--dump-dom",
                talk.url() + "/", timeout_s=180, env={"HOME": str(tmp_path)})
    assert f"<title>ran {RESOURCES}</title>" in text, text[:2000]
    targets = [line["target"] for line in talk.lines()]
    assert {f"/{n}.js" for n in range(RESOURCES)} <= set(targets)
    assert {line["tls_version"] for line in talk.lines()} == {"TLSv1.3"}


# ---- a server that wants certificates

NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    keepalive_timeout 0;
    ssl_session_cache shared:a:1m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {pair.chain_path};
        ssl_certificate_key {pair.key_path};
        ssl_client_certificate {clients.path};
        ssl_verify_client on;
        location / {{ return 200 "$request_method $request_uri $content_length$ssl_client_s_dn $ssl_session_reused"; }}
    }}
}}
"""


@pytest.fixture
def nginx():
    """At an address, with its folder; it asks for a certificate of the authority "clients"."""
    port = Port()
    with tempfile.TemporaryDirectory(prefix="weldr-nginx-") as folder:
        with open(f"{folder}/nginx.conf", "w", encoding="ascii") as file:
            file.write(NGINX.format(folder=folder, port=port.port, pair=secure().pair, clients=authority("clients")))
        with subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", f"{folder}/nginx.conf", "-p", folder],
                              stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: is_up(port.address), 10, "nginx listens")
                yield f"https://127.0.0.1:{port.port}"
            finally:
                process.kill()


def is_up(address):
    try:
        socket.create_connection(address, 1).close()
        return True
    except OSError:
        return False


def test_nginx_wants_a_certificate(lab, nginx):
    weldr = lab.weldr(env=secure().environment)
    weldr.add(nginx)
    refused = weldr.ask()
    assert refused.status in (400, 502), refused  # nginx answers 400 by itself once the handshake is made
    pair = authority("clients").issue("weldr", client=True)
    answer = weldr.api("POST", "/certificates", pair.body(name="to-nginx"))
    assert answer.status == 201, answer
    weldr.patch_pool({"tls": {"certificate": "to-nginx"}})
    texts = [weldr.ask(target=f"/{n}").text for n in range(5)]
    assert all(text.startswith(f"GET /{n} CN=weldr") for n, text in enumerate(texts)), texts


def test_nginx_resumes_our_sessions(lab, nginx):
    """Connections end with each response: all but the first are resumed."""
    weldr = lab.weldr(env=secure().environment)
    pair = authority("clients").issue("weldr", client=True)
    weldr.api("POST", "/certificates", pair.body(name="to-nginx"))
    weldr.patch_pool({"tls": {"certificate": "to-nginx"}})
    weldr.add(nginx)
    texts = [weldr.ask().text for _ in range(5)]
    assert texts[0].endswith(" .") and all(text.endswith(" r") for text in texts[2:]), texts


# ---- scanners

def findings(talk, folder):
    report = folder / "testssl.json"
    run("testssl", "--quiet", "--color", "0", "--warnings", "off", "--add-ca", talk.authority, "--jsonfile", report, "--nodns", "min",
        f"localhost:{talk.port}", timeout_s=1700, is_right=False, env={"OPENSSL_CONF": ""})
    found = json.loads(report.read_text())
    assert len(found) > 100, found
    return found


OF_OUR_AUTHORITY = {"engine_problem", "security_headers",  # of the scanner's own openssl; of the server's responses
                    "cert_revocation", "cert_crlDistributionPoints", "cert_ocspURL", "OCSP_stapling", "DNS_CAArecord",
                    "cert_caIssuers", "cert_certificatePolicies_EV"}


def test_testssl_finds_nothing_above_low(lab, tmp_path):
    talk = Talk(lab, tmp_path)
    bad = [f for f in findings(talk, tmp_path) if f["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL", "WARN")]
    assert [f for f in bad if f["id"] not in OF_OUR_AUTHORITY] == []


def test_sslscan_finds_only_good_ciphers(lab, tmp_path):
    talk = Talk(lab, tmp_path)
    tree = ElementTree.fromstring(said("sslscan", "--xml=-", "--no-colour", f"127.0.0.1:{talk.port}", timeout_s=300))
    scanned = tree.find("ssltest")
    on = {(p.get("type"), p.get("version")) for p in scanned.findall("protocol") if p.get("enabled") == "1"}
    assert on == {("tls", "1.2"), ("tls", "1.3")}
    ciphers = scanned.findall("cipher")
    assert {c.get("strength") for c in ciphers} <= {"strong", "acceptable"} and all(int(c.get("bits")) >= 128 for c in ciphers), ciphers
    assert all(("_GCM_" in c.get("cipher") or "-GCM-" in c.get("cipher") or "CHACHA20" in c.get("cipher")) for c in ciphers)
    assert all(c.get("supported") == "0" for c in scanned.findall("compression"))
    assert all(h.get("vulnerable") == "0" for h in scanned.findall("heartbleed"))
    assert all(r.get("supported") == "0" or r.get("secure") == "1" for r in scanned.findall("renegotiation"))
