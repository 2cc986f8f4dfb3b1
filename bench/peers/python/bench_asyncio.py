#!/usr/bin/python3
"""bench/peers/python/bench_asyncio.py - the work items on Python's asyncio, and on uvloop.

    bench_asyncio.py asyncio|uvloop yield|create|handover|lock|queue|spawn [ops]
                                                                  ns per operation
    bench_asyncio.py asyncio|uvloop sleep N                       wall and RSS
    bench_asyncio.py asyncio|uvloop echo PORT                     TCP echo
    bench_asyncio.py asyncio|uvloop udp PORT                      UDP echo

The yield is asyncio.sleep(0), create is awaiting a task, the hand-over is a Queue with one slot.
The echo server is a Protocol (callbacks), asyncio's fast way, not streams; both loops set
TCP_NODELAY by themselves.
"""

import asyncio
import os
import resource
import sys
import time


def report(item, start_ns, ops):
    cpu = sum(os.times()[:4]) * 1e9  # with that of children; start-up is a small part of it
    print(f"item={item} ns={(time.monotonic_ns() - start_ns) / ops:.3f} cpu_ns={cpu / ops:.3f}")


async def yield_loop(count):
    sleep = asyncio.sleep
    for _ in range(count):
        await sleep(0)


async def item_yield(ops):
    start = time.monotonic_ns()
    await asyncio.gather(yield_loop(ops // 2), yield_loop(ops // 2))
    report("yield", start, ops // 2 * 2)


async def one():
    return 1


async def item_create(ops):
    create_task = asyncio.get_running_loop().create_task
    count = 0
    start = time.monotonic_ns()
    for _ in range(ops):
        count += await create_task(one())
    report("create", start, ops)
    assert count == ops


async def handover_send(queue, ops):
    for i in range(ops):
        await queue.put(i)


async def handover_receive(queue, ops):
    for i in range(ops):
        assert await queue.get() == i


async def item_handover(ops):
    queue = asyncio.Queue(1)
    start = time.monotonic_ns()
    await asyncio.gather(handover_send(queue, ops), handover_receive(queue, ops))
    report("handover", start, ops)


async def item_queue(ops):
    queue = asyncio.Queue(1)
    start = time.monotonic_ns()
    await asyncio.gather(handover_send(queue, ops), handover_receive(queue, ops))
    report("queue", start, ops)


async def item_lock(ops):
    lock = asyncio.Lock()
    start = time.monotonic_ns()
    for _ in range(ops):
        await lock.acquire()
        lock.release()
    report("lock", start, ops)


async def item_spawn(ops):
    start = time.monotonic_ns()
    for _ in range(ops):
        process = await asyncio.create_subprocess_exec("/bin/true")
        assert await process.wait() == 0
    report("spawn", start, ops)


async def item_sleep(n):
    start = time.monotonic()
    tasks = [asyncio.create_task(asyncio.sleep(1)) for _ in range(n)]
    for task in tasks:
        await task
    wall = time.monotonic() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"item=sleep n={n} wall_s={wall:.3f} rss_kib={peak}")


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.write = transport.write

    def data_received(self, data):
        self.write(data)


async def item_echo(port):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", port, backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


class DatagramEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.sendto = transport.sendto

    def datagram_received(self, data, addr):
        self.sendto(data, addr)


async def item_udp(port):
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(DatagramEcho, ("127.0.0.1", port))
    print("ready", flush=True)
    await loop.create_future()


ITEMS = {
    "yield": (item_yield, 500_000),
    "create": (item_create, 200_000),
    "handover": (item_handover, 200_000),
    "lock": (item_lock, 1_000_000),
    "queue": (item_queue, 200_000),
    "spawn": (item_spawn, 500),
    "sleep": (item_sleep, 100_000),
    "echo": (item_echo, 0),
    "udp": (item_udp, 0),
}


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("asyncio", "uvloop") or sys.argv[2] not in ITEMS:
        sys.exit(f"usage: {sys.argv[0]} asyncio|uvloop ITEM [count]; items: {' '.join(ITEMS)}")
    item, count = ITEMS[sys.argv[2]]
    if len(sys.argv) > 3:
        count = int(sys.argv[3])
    if sys.argv[1] == "uvloop":
        import uvloop

        uvloop.install()
    asyncio.run(item(count))


if __name__ == "__main__":
    main()
