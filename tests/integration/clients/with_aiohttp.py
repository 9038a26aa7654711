"""python3 with_aiohttp.py URL AUTHORITY: the conversation of conversation.py with aiohttp, the last twenty at once."""

import asyncio
import hashlib
import ssl
import sys

import aiohttp


async def get(session, path, **more):
    async with session.request("POST" if more else "GET", path, **more) as response:
        return await response.read()


async def main(base, authority):
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=authority))
    async with aiohttp.ClientSession(base, connector=connector) as session:
        hello = await get(session, "/hello")
        echoed = await get(session, "/echo", data=b"e" * 300000)
        large = await get(session, "/large")
        again = await asyncio.gather(*(get(session, "/hello") for _ in range(20)))
    print(hello.decode(), hashlib.sha256(echoed).hexdigest(), hashlib.sha256(large).hexdigest(), again.count(hello))

asyncio.run(main(*sys.argv[1:]))
