"""Authorities and certificates for tests, made with the openssl command when first asked for; the same question gives the same files.

    root = authority()                                     # a root; authority("other") is another, of which nobody knows
    pair = root.issue("a.test", "*.b.test", "127.0.0.1")   # EC key, 90 days, signed by root
    weldr.post("/certificates", pair.body(name="a"))       # {"chain", "key", …}
    Weldr("--certificate", pair.chain_path, "--certificate-key", pair.key_path)
    ssl.create_default_context(cafile=root.path)
"""

import atexit
import base64
import datetime
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import tempfile

KEYS = {
    "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ec384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ed25519": ["-algorithm", "ED25519"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa1024": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
    "rsa4096": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
}

CONFIG = """[ca]
default_ca = own
[own]
dir = {folder}
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = {digest}
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = optional
organizationName = optional
[req]
distinguished_name = dn
[dn]
[extensions]
{extensions}
"""

AUTHORITY_EXTENSIONS = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature\nsubjectKeyIdentifier=hash"

_root_folder = None
_made = {}


def _folder():
    """A new one; all are removed when the process ends."""
    global _root_folder
    if _root_folder is None:
        _root_folder = tempfile.mkdtemp(prefix="weldr-tls-")
        atexit.register(shutil.rmtree, _root_folder, True)
    return tempfile.mkdtemp(dir=_root_folder)


def openssl(*words, **more):
    done = subprocess.run(["openssl", *words], capture_output=True, timeout=60, **more)
    assert done.returncode == 0, f"openssl {' '.join(words)}: {done.stderr.decode(errors='replace')}"
    return done.stdout


def _read(path):
    with open(path) as file:
        return file.read()


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return path


def _stamp(when):
    return when.astimezone(datetime.timezone.utc).strftime("%Y%m%d%H%M%SZ")


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def new_key(kind="ec"):
    """PEM (PKCS #8) of a new private key, of one of KEYS."""
    return openssl("genpkey", *KEYS[kind]).decode()


class Pair:
    """A certificate with its chain (own first, root left out) and its key: texts, and files of them."""

    def __init__(self, issuer, names, folder):
        self.issuer, self.names, self.folder = issuer, list(names), folder
        self.certificate_path = os.path.join(folder, "certificate.pem")  # without its chain
        self.chain_path, self.key_path = os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem")
        self.chain, self.key, self.certificate = _read(self.chain_path), _read(self.key_path), _read(self.certificate_path)

    @property
    def der(self):
        """The certificate's bytes, as ssl.SSLSocket.getpeercert(True) gives them."""
        return ssl.PEM_cert_to_DER_cert(self.certificate)

    @property
    def fingerprint(self):
        return hashlib.sha256(self.der).hexdigest()

    def body(self, **more):
        """What POST and PUT /certificates take."""
        return {"chain": self.chain, "key": self.key, **more}

    def one_file(self):
        """A file with chain and key, as some servers want it."""
        return _write(os.path.join(self.folder, "both.pem"), self.chain + self.key)

    def encrypted_key(self, password="secret"):
        return openssl("pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", self.key_path, "-passout", "pass:" + password).decode()

    def traditional_key(self):
        """The key in the older form ("BEGIN EC PRIVATE KEY", "BEGIN RSA PRIVATE KEY")."""
        return openssl("pkey", "-in", self.key_path, "-traditional").decode()

    def ocsp(self, days=7):
        """An OCSP response in DER that says "good"."""
        request, response = os.path.join(self.folder, "ocsp.req"), os.path.join(self.folder, "ocsp.der")
        issuer = self.issuer
        openssl("ocsp", "-issuer", issuer.path, "-cert", self.certificate_path, "-reqout", request, "-no_nonce")
        openssl("ocsp", "-index", os.path.join(issuer.folder, "index.txt"), "-CA", issuer.path, "-rsigner", issuer.path, "-rkey",
                issuer.key_path, "-reqin", request, "-respout", response, "-ndays", str(days))
        with open(response, "rb") as file:
            return file.read()

    def ocsp_text(self):
        return base64.b64encode(self.ocsp()).decode()

    def ocsp_text_of_before(self):
        """One that was due to be replaced long ago; its signature is of another date."""
        der = self.ocsp()
        year = list(re.finditer(rb"\x18\x0f\d{14}Z", der))[-1].start() + 2  # of nextUpdate, the last one
        return base64.b64encode(der[:year] + b"2020" + der[year + 4:]).decode()


class Authority:
    """Who signs; .path is what clients and servers trust (PEM), .pem its text."""

    def __init__(self, name, issuer=None, key="ec"):
        self.name, self.issuer, self.folder = name, issuer, _folder()
        self.path, self.key_path = os.path.join(self.folder, "authority.pem"), os.path.join(self.folder, "authority.key")
        _write(os.path.join(self.folder, "index.txt"), "")
        _write(self.key_path, new_key(key))
        if issuer is None:
            self._sign_self()
        else:
            issuer._sign(self.key_path, self.path, f"/O=weldr tests/CN={name}", AUTHORITY_EXTENSIONS + "\nauthorityKeyIdentifier=keyid")
        self.pem = _read(self.path)

    def _sign_self(self):
        config = _write(os.path.join(self.folder, "self.cnf"), CONFIG.format(folder=self.folder, digest="sha256", extensions=AUTHORITY_EXTENSIONS))
        openssl("req", "-x509", "-new", "-key", self.key_path, "-out", self.path, "-subj", f"/O=weldr tests/CN={self.name}", "-days", "3650",
                "-config", config, "-extensions", "extensions")

    def _sign(self, key_path, out, subject, extensions, not_before=None, not_after=None, digest="sha256"):
        config = _write(out + ".cnf", CONFIG.format(folder=self.folder, digest=digest, extensions=extensions))
        openssl("req", "-new", "-key", key_path, "-out", out + ".csr", "-subj", subject, "-config", config)
        not_before = not_before or now() - datetime.timedelta(hours=1)
        not_after = not_after or now() + datetime.timedelta(days=90)
        openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.path, "-keyfile", self.key_path, "-in", out + ".csr", "-out", out,
                "-extensions", "extensions", "-startdate", _stamp(not_before), "-enddate", _stamp(not_after), "-preserveDN")

    def chain(self):
        """PEM of this one and those above it, the root left out."""
        return "" if self.issuer is None else self.pem + self.issuer.chain()

    def root(self):
        return self if self.issuer is None else self.issuer.root()

    def intermediate(self, name="intermediate"):
        """An authority that this one signed."""
        return _once(("authority", name, id(self)), lambda: Authority(name, self))

    def issue(self, *names, key="ec", client=False, subject=None, not_before=None, not_after=None, digest="sha256", again=0, key_of=None):
        """A Pair for these DNS names and addresses (none: a certificate without subjectAltName). Another `again` is another certificate
        for the same names; key_of: of this Pair's key; dates are datetimes with a zone; client: for clients, too."""
        question = ("pair", id(self), names, key, client, subject, not_before, not_after, digest, again, key_of and key_of.folder)
        return _once(question, lambda: self._issue(names, key, client, subject, not_before, not_after, digest, key_of))

    def _issue(self, names, key, client, subject, not_before, not_after, digest, key_of):
        folder = _folder()
        _write(os.path.join(folder, "key.pem"), key_of.key if key_of else new_key(key))
        usage = "serverAuth,clientAuth" if client else "serverAuth"
        extensions = f"basicConstraints=CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage={usage}\nauthorityKeyIdentifier=keyid"
        kinds = ["IP:" + n if n.replace(".", "").isdigit() or ":" in n else "DNS:" + n for n in names]
        if kinds:
            extensions += "\nsubjectAltName=" + ",".join(kinds)
        out = os.path.join(folder, "certificate.pem")
        common = next(("/CN=" + n for n in names if len(n) <= 64), "/O=nobody")
        self._sign(os.path.join(folder, "key.pem"), out, subject or common, extensions, not_before, not_after, digest)
        _write(os.path.join(folder, "chain.pem"), _read(out) + self.chain())
        return Pair(self, names, folder)


def _once(question, make):
    if question not in _made:
        _made[question] = make()
    return _made[question]


def authority(name="root"):
    """A root of this name."""
    return _once(("authority", name, None), lambda: Authority(name))


def expired(root, *names, days_ago=3, **more):
    """A Pair that was right until some days ago."""
    end = now().replace(microsecond=0, second=0) - datetime.timedelta(days=days_ago)
    return root.issue(*names, not_before=end - datetime.timedelta(days=30), not_after=end, **more)


def not_yet(root, *names, days=3, **more):
    """A Pair that is right in some days."""
    start = now().replace(microsecond=0, second=0) + datetime.timedelta(days=days)
    return root.issue(*names, not_before=start, not_after=start + datetime.timedelta(days=30), **more)


def expiring(root, *names, days=10, **more):
    """A Pair that is right for some more days and a half."""
    end = now().replace(microsecond=0, second=0) + datetime.timedelta(days=days, hours=12)
    return root.issue(*names, not_after=end, **more)


def trusting(root, pair=None):
    """What a Python client needs that trusts this authority's root (None: anybody), and perhaps shows a certificate."""
    context = ssl.create_default_context(cafile=root.root().path) if root else ssl._create_unverified_context()
    if pair is not None:
        context.load_cert_chain(pair.chain_path, pair.key_path)
    return context
