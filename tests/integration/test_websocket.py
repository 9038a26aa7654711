"""WebSocket through Weldr with a real library at both ends (RFC 6455; RFC 9110 section 7.8).

The numbers are small here; WEBSOCKET_MESSAGES=10000 makes the whole of it. Half-close, which the library hides, is
proven in test_upgrade.py.
"""

import asyncio
import contextlib
import hashlib
import os
import random
import socket

import pytest
import websockets

pytestmark = pytest.mark.tls  # with TLS on both sides, too
MESSAGES = int(os.environ.get("WEBSOCKET_MESSAGES", "240"))
CLIENTS = 4
LARGEST = 1 << 20
LIMIT_S = 60 + MESSAGES / 5
# Where the length of a frame changes its form, and where buffers end.
EDGES = (0, 1, 125, 126, 127, 65535, 65536, 65537, LARGEST - 1, LARGEST)
OPTIONS = {"max_size": None, "compression": None, "ping_interval": None, "close_timeout": 20}


def messages(seed, count):
    """The same messages for the same seed: bytes and text of random sizes to 1 MiB, the edges among them."""
    rand = random.Random(seed)
    for number in range(count):
        size = EDGES[number // 8 % len(EDGES)] if number % 8 == 0 else rand.randrange(LARGEST + 1)
        yield rand.randbytes(size) if number % 2 else rand.randbytes((size + 1) // 2).hex()[:size]


def note(digest, message):
    """Type, length and every byte."""
    data = message.encode() if isinstance(message, str) else message
    digest.update(b"%s %d " % (type(message).__name__.encode(), len(data)) + data)


def through(lab, weldr, handler, play):
    """Runs `play` while the library's server with this handler is Weldr's only server."""
    async def run():
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        tls = lab.of_servers and lab.of_servers.server
        async with websockets.serve(handler, sock=listener, ssl=tls, **OPTIONS):
            await asyncio.get_running_loop().run_in_executor(None, weldr.add, f"{'https' if tls else 'http'}://127.0.0.1:{port}")
            await play()
    asyncio.run(asyncio.wait_for(run(), LIMIT_S))


def connect(weldr):
    tls = weldr.tls and weldr.tls.client
    return websockets.connect(f"{'wss' if tls else 'ws'}://127.0.0.1:{weldr.address[1]}/chat", ssl=tls, **OPTIONS)


async def speak(ws, seed, count):
    """Sends all without waiting for the echo, a ping now and then in between."""
    sent, pongs = hashlib.sha256(), []
    for number, message in enumerate(messages(seed, count)):
        await ws.send(message)
        note(sent, message)
        if number % 50 == 0:
            pongs.append(await ws.ping(b"between %d" % number))
    await asyncio.gather(*pongs)
    return sent.digest()


async def listen(ws, seed, count):
    got = hashlib.sha256()
    for number, expected in enumerate(messages(seed, count)):
        message = await ws.recv()
        assert message == expected, f"message {number}: {len(message)} instead of {len(expected)}"
        note(got, message)
    return got.digest()


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.timeout(LIMIT_S + 60)
def test_messages_both_ways(lab):
    """Four clients at once, each sends and receives at its own pace: all that is on the way pushes back."""
    weldr = lab.weldr(workers=2)
    heard, count = {}, MESSAGES // CLIENTS

    async def echo(ws):
        digest = hashlib.sha256()
        async for message in ws:
            note(digest, message)
            await ws.send(message)
        heard[digest.digest()] = ws.close_code

    async def converse(seed):
        async with connect(weldr) as ws:
            sent, got = await asyncio.gather(speak(ws, seed, count), listen(ws, seed, count))
        assert sent == got and ws.close_code == 1000
        return sent

    async def play():
        sent = await asyncio.gather(*(converse(seed) for seed in range(CLIENTS)))
        print(f"{count * CLIENTS} messages, {weldr.stats()['bytes']} bytes")
        assert len(set(sent)) == CLIENTS
        while len(heard) < CLIENTS: # the server's side of the closing
            await asyncio.sleep(0.01)
        assert heard == dict.fromkeys(sent, 1000)

    through(lab, weldr, echo, play)


def test_fragments_and_pings_keep_their_order(lab):
    """Control frames stand between the fragments of a message; either side pings, and each pong has the ping's bytes."""
    weldr = lab.weldr()
    pongs = []

    async def echo(ws):
        async for message in ws:
            pongs.append(await ws.ping(b"from the server"))
            await pongs[-1]
            await ws.send(message)

    async def play():
        async with connect(weldr) as ws:
            async def fragments():
                for number in range(20):
                    yield bytes([number]) * number * 1000
                    await asyncio.wait_for(await ws.ping(b"p" * 125), 20)
            await ws.send(fragments())
            assert await ws.recv() == b"".join(bytes([n]) * n * 1000 for n in range(20))
        assert len(pongs) == 1 and pongs[0].done()

    through(lab, weldr, echo, play)


CODES = [(1000, ""), (1000, "done"), (1001, "going away"), (1002, "protocol"), (1003, "no such data"), (1007, "not UTF-8"),
         (1008, "policy"), (1009, "too big"), (1010, "extension"), (1011, "error"), (3000, "registered"),
         (4001, "\u00e4" * 61), (4999, "x" * 123)]


@pytest.mark.smoke
def test_close_codes_from_the_client(lab):
    weldr = lab.weldr()
    closed = asyncio.Queue()

    async def wait_close(ws):
        await ws.wait_closed()
        await closed.put((ws.close_code, ws.close_reason))

    async def play():
        for code, reason in CODES:
            async with connect(weldr) as ws:
                await ws.close(code, reason)
                assert (ws.close_code, ws.close_reason) == (code, reason), "the server's echo of the close"
            assert await closed.get() == (code, reason)

    through(lab, weldr, wait_close, play)


@pytest.mark.smoke
def test_close_codes_from_the_server(lab):
    weldr = lab.weldr()
    todo = iter(CODES)

    async def close(ws):
        code, reason = next(todo)
        await ws.send("last words")
        await ws.close(code, reason)

    async def play():
        for code, reason in CODES:
            async with connect(weldr) as ws:
                assert await ws.recv() == "last words"
                with contextlib.suppress(websockets.ConnectionClosed):
                    await ws.recv()
                assert (ws.close_code, ws.close_reason) == (code, reason)

    through(lab, weldr, close, play)


def test_who_vanishes_is_missed_on_the_other_side(lab):
    """No close frame: the library calls that 1006, whichever side broke off."""
    weldr = lab.weldr()
    closed = asyncio.Queue()

    async def serve(ws):
        if await ws.recv() == "break off":
            ws.transport.abort()
        await ws.wait_closed()
        await closed.put(ws.close_code)

    async def play():
        async with connect(weldr) as ws:
            await ws.send("break off")
            with pytest.raises(websockets.ConnectionClosedError):
                await ws.recv()
            assert ws.close_code == 1006
        assert await closed.get() == 1006
        async with connect(weldr) as ws:
            await ws.send("I will")
            ws.transport.abort()
            assert await closed.get() == 1006

    through(lab, weldr, serve, play)
