"""A client of an echoing WebSocket server, by python3-websockets; prints "done" when all came back."""
import asyncio
import sys

import websockets


async def main(url):
    for compression in (None, "deflate"):
        async with websockets.connect(url, compression=compression, max_size=2**22) as ws:
            for size in (0, 1, 125, 126, 65535, 65536, 1 << 20):
                text = ("größer " * (size // 7 + 1))[:size]
                await ws.send(text)
                assert await ws.recv() == text
                await ws.send(bytes([7]) * size)
                assert await ws.recv() == bytes([7]) * size
            await ws.send(["frag", "men", "ted"])
            assert await ws.recv() == "fragmented"
            await (await ws.ping(b"are you there?"))
            await ws.close(4001, "enough")
        assert ws.close_code == 4001, ws.close_code


asyncio.run(asyncio.wait_for(main(sys.argv[1]), 15))
print("done")
