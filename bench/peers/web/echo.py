"""echo.py - a WebSocket echo with websockets: python3 echo.py PORT"""

import asyncio
import sys

import websockets


async def echo(socket, path=None):
    async for message in socket:
        await socket.send(message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", int(sys.argv[1]), compression=None,
                                backlog=4096):
        print("ready", flush=True)
        await asyncio.Future()


asyncio.run(main())
