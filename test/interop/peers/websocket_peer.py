"""A WebSocket server of python3-websockets. Prints its port, then what it learns, as lines of JSON.

The path selects what it does:
  /echo            sends every message back
  /fragments?N     sends every message back in fragments of N bytes or characters
  /close?CODE&TEXT closes at once
  /ping?TEXT       pings, and sends "pong" once that was answered
  /headers         sends the request's headers
  /count           answers every message with its kind, size and SHA-256
"""

import asyncio
import hashlib
import json
import sys
from urllib.parse import unquote

import websockets


def report(**facts):
    print(json.dumps(facts), flush=True)


async def echo(socket, _):
    async for message in socket:
        await socket.send(message)


async def fragments(socket, args):
    size = int(args[0])
    async for message in socket:
        await socket.send(message[at : at + size] for at in range(0, max(len(message), 1), size))


async def close(socket, args):
    await socket.close(int(args[0]), args[1])


async def ping(socket, args):
    await (await socket.ping(args[0]))
    await socket.send("pong")
    await socket.wait_closed()


async def headers(socket, _):
    await socket.send(json.dumps({name.lower(): value for name, value in socket.request_headers.raw_items()}))
    await socket.wait_closed()


async def count(socket, _):
    async for message in socket:
        data = message.encode() if isinstance(message, str) else message
        kind = "text" if isinstance(message, str) else "binary"
        await socket.send(f"{kind} {len(data)} {hashlib.sha256(data).hexdigest()}")


ways = {"echo": echo, "fragments": fragments, "close": close, "ping": ping, "headers": headers, "count": count}


async def serve(socket):
    path, _, query = socket.path.partition("?")
    try:
        await ways[path[1:]](socket, [unquote(part) for part in query.split("&")])
    except websockets.ConnectionClosed:
        pass
    await socket.wait_closed()
    report(path=path, code=socket.close_code, reason=socket.close_reason, subprotocol=socket.subprotocol)


async def main():
    host = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
    async with websockets.serve(serve, host, 0, subprotocols=["superchat", "chat"], max_size=None) as server:
        report(port=server.sockets[0].getsockname()[1])
        await asyncio.Future()


asyncio.run(main())
