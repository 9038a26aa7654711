"""relay.py IP:PORT TARGET_IP:PORT

A NAT in small: whoever connects to the first address speaks with the second one.
"""

import asyncio
import sys


def split(address):
    ip, _, port = address.rpartition(":")
    return ip, int(port)


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(reader, writer):
    try:
        ends = await asyncio.open_connection(*split(sys.argv[2]))
    except OSError:
        writer.close()
        return
    await asyncio.gather(pump(reader, ends[1]), pump(ends[0], writer))


async def main():
    server = await asyncio.start_server(serve, *split(sys.argv[1]))
    print("listens", flush=True)
    await server.serve_forever()


asyncio.run(main())
