"""Upgrade: WebSocket and other protocols through Weldr, byte for byte (RFC 9110 section 7.8)."""

import asyncio
import hashlib
import random
import socket
import threading

import pytest
import websockets

import origins as o

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "echo")]
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


def tunnel(lane, seen):
    """Switches and sends back what comes, to its end."""
    lane.send(SWITCH)
    pending, lane.buffer = lane.buffer, b""
    while True:
        if pending:
            lane.send(pending)
        pending = lane.sock.recv(1 << 16)
        if not pending:
            raise o.Gone("the other side has said all")


def gather(client, digest):
    while True:
        data = client.sock.recv(1 << 20)
        if not data:
            return
        digest.update(data)


@pytest.mark.smoke
def test_tunnel_is_byte_exact_with_half_close(lab):
    """20 MB both ways at once; the client says all and shuts, the echo still arrives whole."""
    weldr, origin = lab.run(tunnel)
    client = weldr.connect()
    client.request(fields=UPGRADE)
    head = client.head()
    assert (head.status, head.get("Upgrade"), head.get("Connection")) == (101, "echo", "upgrade")
    assert origin.last().get("Upgrade") == "echo"
    blob = random.Random(1).randbytes(20 * 1000 * 1000)
    got = hashlib.sha256(client.buffer)
    reader = threading.Thread(target=gather, args=(client, got))
    reader.start()
    client.send(blob)
    client.finish()
    reader.join(30)
    assert not reader.is_alive() and got.digest() == hashlib.sha256(blob).digest()
    client.close()


def test_early_bytes_belong_to_the_tunnel(lab):
    weldr, _ = lab.run(tunnel)
    client = weldr.connect()
    client.request(fields=UPGRADE, body=b"GET / HTTP/1.1\r\n\r\n")
    assert client.head().status == 101
    assert client.exactly(18) == b"GET / HTTP/1.1\r\n\r\n"


def test_101_to_who_did_not_ask_is_502(lab):
    weldr, _ = lab.run(o.raw(SWITCH + b"smuggled"))
    for fields in ([], [("Upgrade", "echo")], [("Connection", "Upgrade")],
                   [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")]):
        response = weldr.ask(fields=fields)
        assert response.status == 502 and response.get("Weldr-Error") == "origin_bad_answer"
        assert b"smuggled" not in response.body


async def converse(port, count):
    """Messages of random sizes to 1 MiB, each echoed; then ping and close code."""
    rand = random.Random(7)
    async with websockets.connect(f"ws://127.0.0.1:{port}/chat", max_size=None, compression=None) as ws:
        for number in range(count):
            size = rand.choice((0, 1, 125, 126, 65535, 65536, rand.randrange(1 << 14)))
            if number % 100 == 0:
                size = rand.randrange(1 << 20)
            message = rand.randbytes(size) if number % 2 else "x" * size
            await ws.send(message)
            assert await ws.recv() == message
        await asyncio.wait_for(await ws.ping(), 10)
        await ws.close(code=4001, reason="enough")
        assert ws.close_code == 4001


def test_websocket_library_at_both_ends(lab):
    weldr = lab.weldr(workers=1)
    closed = []

    async def echo(ws):
        try:
            async for message in ws:
                await ws.send(message)
        except websockets.ConnectionClosed as end: # any code but the usual two is an exception to the library
            closed.append(end.code)

    async def play():
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        async with websockets.serve(echo, sock=listener, max_size=None, compression=None):
            await asyncio.get_running_loop().run_in_executor(None, weldr.add, f"http://127.0.0.1:{port}")
            await asyncio.gather(*(converse(weldr.address[1], 250) for _ in range(4)))

    asyncio.run(play())
    assert closed == [4001] * 4
