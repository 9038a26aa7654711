"""python3 with_urllib.py URL AUTHORITY: the conversation of conversation.py with urllib: a connection for each request."""

import hashlib
import ssl
import sys
from urllib.request import urlopen

base, authority = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)


def get(path, data=None):
    with urlopen(base + path, data, context=context) as response:
        return response.read()


hello = get("/hello")
echoed, large = hashlib.sha256(get("/echo", b"e" * 300000)).hexdigest(), hashlib.sha256(get("/large")).hexdigest()
print(hello.decode(), echoed, large, sum(get("/hello") == hello for _ in range(20)))
