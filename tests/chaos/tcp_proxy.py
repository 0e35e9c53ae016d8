"""A bad network: a TCP proxy that delays and cuts connections, by a seeded generator."""

from __future__ import annotations

import asyncio
import random
import threading


class BadNetwork:
    """Proxies on 127.0.0.1, one for each address. Every piece of up to 64 KiB waits up to
    `max_delay` seconds; a connection is cut, without a goodbye, after a random number of bytes
    around `mean_bytes`."""

    def __init__(
        self, addresses: list[str], seed: int, max_delay: float, mean_bytes: int
    ) -> None:
        self._random = random.Random(seed)
        self._max_delay = max_delay
        self._mean_bytes = mean_bytes
        self.addresses: list[str] = []
        self.cuts = 0
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(addresses, started))
        self._thread.start()
        started.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, addresses: list[str], started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        servers = [self._loop.run_until_complete(self._listen(address)) for address in addresses]
        for server in servers:
            self.addresses.append("127.0.0.1:%d" % server.sockets[0].getsockname()[1])
        started.set()
        self._loop.run_forever()
        for server in servers:
            server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _listen(self, address: str):
        host, port = address.rsplit(":", 1)

        async def accept(reader, writer):
            try:
                far_reader, far_writer = await asyncio.open_connection(host, int(port))
            except OSError:
                writer.transport.abort()
                return
            left = [int(self._random.expovariate(1 / self._mean_bytes)) + 1000]
            ends = (writer, far_writer)
            await asyncio.gather(
                self._pump(reader, far_writer, left, ends),
                self._pump(far_reader, writer, left, ends),
            )

        return await asyncio.start_server(accept, "127.0.0.1", 0)

    async def _pump(self, reader, writer, left: list[int], ends) -> None:
        try:
            while data := await reader.read(1 << 16):
                await asyncio.sleep(self._random.uniform(0, self._max_delay))
                if left[0] <= len(data):
                    if left[0] > 0:
                        self.cuts += 1
                    left[0] = 0
                    break
                left[0] -= len(data)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        for end in ends:
            end.transport.abort()
