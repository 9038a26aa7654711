"""The dashboard's files at /ui: what browsers are told, and that nothing of them leads elsewhere. tests/ui has it in a browser."""

import gzip
import http.client
import os
import re

import pytest

import origins as o

UI = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "ui")
FILES = [("/ui", "text/html; charset=utf-8"), ("/ui/", "text/html; charset=utf-8"), ("/ui/app.js", "text/javascript; charset=utf-8"),
         ("/ui/app.css", "text/css; charset=utf-8"), ("/ui/icon.svg", "image/svg+xml"), ("/v1/ui", "text/html; charset=utf-8")]
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def ask(weldr, path, method="GET", **fields):
    """(status, fields, body) as they are: the bytes that come are not unpacked."""
    connection = http.client.HTTPConnection(*weldr.admin, timeout=20)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in fields.items()})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, body


@pytest.mark.smoke
@pytest.mark.parametrize("path, kind", FILES)
def test_a_file(weldr, path, kind):
    status, fields, body = ask(weldr, path)
    assert status == 200 and fields["content-type"] == kind
    assert fields["content-security-policy"] == POLICY
    assert fields["x-content-type-options"] == "nosniff" and fields["referrer-policy"] == "no-referrer"
    assert fields["cross-origin-resource-policy"] == "same-origin"
    assert fields["cache-control"] == "no-cache" and fields["vary"] == "Accept-Encoding"
    assert "content-encoding" not in fields and int(fields["content-length"]) == len(body)
    packed_status, packed_fields, packed = ask(weldr, path, Accept_Encoding="gzip, br")
    assert packed_status == 200 and packed_fields["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == body
    assert packed_fields["etag"] != fields["etag"]
    for tag, encoding in ((fields["etag"], "identity"), (packed_fields["etag"], "gzip")):
        status, again, nothing = ask(weldr, path, If_None_Match=tag, Accept_Encoding=encoding)
        assert (status, nothing, again["etag"]) == (304, b"", tag)
        assert again["content-security-policy"] == POLICY
    status, head, nothing = ask(weldr, path, "HEAD")
    assert (status, nothing, head["content-length"], head["etag"]) == (200, b"", fields["content-length"], fields["etag"])


def test_another_version_than_is_asked_for(weldr):
    """The problem is text, not a file."""
    status, fields, body = ask(weldr, "/ui/app.js", If_Match='"0000000000000001"', Accept_Encoding="gzip")
    assert status == 412 and fields["content-type"] == "application/problem+json" and "content-encoding" not in fields
    assert b"precondition_failed" in body


def test_what_is_not_there(weldr):
    assert ask(weldr, "/ui/none.js")[0] == 404
    assert ask(weldr, "/ui/../servers")[0] == 404
    assert ask(weldr, "/ui", "POST")[0] == 405
    assert ask(weldr, "/ui?x=1")[0] == 422


def test_not_at_the_proxy_port(lab):
    weldr, origin = lab.run(o.answer(418))
    assert weldr.ask(target="/ui").status == 418  # the server's
    assert lab.weldr().ask(target="/ui").status == 503


def test_without_a_token(lab, tmp_path):
    """The files need none; /ui/access says what a caller may do, and the rest stays closed."""
    file = tmp_path / "tokens"
    file.write_text("someone:s3cret-of-the-test:admin\nlooker:t0ken-of-a-reader:read\n")
    file.chmod(0o600)
    weldr = lab.weldr("--admin-token-required", "--admin-tokens-file", str(file), token="s3cret-of-the-test")
    assert ask(weldr, "/ui")[0] == ask(weldr, "/ui/app.js")[0] == 200
    assert ask(weldr, "/servers")[0] == ask(weldr, "/stats/samples")[0] == 401

    def access(token=None):
        fields = {} if token is None else {"Authorization": "Bearer " + token}
        status, _, body = ask(weldr, "/ui/access", **fields)
        assert status == 200
        return re.search(rb'"access": "(\w+)"', body)[1].decode()
    assert access() == access("wrong") == "none"
    assert (access("s3cret-of-the-test"), access("t0ken-of-a-reader")) == ("admin", "read")


def test_who_may_load_it(weldr):
    """A name that somebody else owns may not (DNS rebinding); a link on another site may lead to it."""
    assert ask(weldr, "/ui", Host="evil.example")[0] == 421
    assert ask(weldr, "/ui/access", Host="evil.example")[0] == 421
    assert ask(weldr, "/ui", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 200
    assert ask(weldr, "/servers", Sec_Fetch_Site="cross-site")[0] == 403


def test_nothing_leads_elsewhere(weldr):
    """No address of another origin, nothing inline, and no element whose policy the browser would have to break."""
    page = ask(weldr, "/ui")[2].decode()
    assert not re.search(r"https?://|<style|\sstyle=|\son\w+=|javascript:", page)
    assert re.findall(r"<script[^>]*>", page) == ['<script src="/ui/app.js" defer>']
    assert "//" not in re.sub(r"/\*.*?\*/", "", ask(weldr, "/ui/app.css")[2].decode(), flags=re.S)
    ours = "".join(open(os.path.join(UI, name), encoding="utf-8").read() for name in sorted(os.listdir(UI)) if name.endswith(".js"))
    addresses = set(re.findall(r"https?://[^\s'\"/)]+", ours.replace("http:\\/\\/", "")))
    assert addresses == {"http://www.w3.org"}  # a name space, which nobody asks
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage|sessionStorage|\.cookie", ours)
