"""python3 with_requests.py URL AUTHORITY: the conversation of conversation.py with requests."""

import hashlib
import sys

import requests

base, authority = sys.argv[1:]
with requests.Session() as session:
    session.verify = authority
    hello = session.get(base + "/hello").text
    echoed = hashlib.sha256(session.post(base + "/echo", data=b"e" * 300000).content).hexdigest()
    large = hashlib.sha256(session.get(base + "/large").content).hexdigest()
    again = sum(session.get(base + "/hello").text == hello for _ in range(20))
print(hello, echoed, large, again)
