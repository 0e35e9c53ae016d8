"""A bad network: a TCP proxy that delays and cuts connections, by a seeded generator."""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
from collections.abc import Sequence


class BadNetwork:
    """A process with a proxy on 127.0.0.1 for each address. Every piece of up to 64 KiB waits up
    to `max_delay` seconds; a connection is cut, without a goodbye, after a random number of bytes
    around `mean_bytes` (0: never). `within` is the beginning of its command."""

    def __init__(
        self,
        addresses: list[str],
        seed: int,
        max_delay: float,
        mean_bytes: int = 0,
        within: Sequence[str] = (),
    ) -> None:
        self._process = subprocess.Popen(
            [*within, sys.executable, __file__, str(seed), str(max_delay), str(mean_bytes),
             *addresses],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.addresses = self._process.stdout.readline().split()
        if len(self.addresses) != len(addresses):
            raise RuntimeError("the proxy has ended")

    def close(self) -> int:
        """How many connections it has cut."""
        output, _ = self._process.communicate()
        return int(output)


class Proxy:
    def __init__(self, seed: int, max_delay: float, mean_bytes: int) -> None:
        self._random = random.Random(seed)
        self._max_delay = max_delay
        self._mean_bytes = mean_bytes
        self.cuts = 0

    async def listen(self, address: str) -> str:
        host, port = address.rsplit(":", 1)

        async def accept(reader, writer):
            try:
                far_reader, far_writer = await asyncio.open_connection(host, int(port))
            except OSError:
                writer.transport.abort()
                return
            left = [float("inf")]
            if self._mean_bytes:
                left = [int(self._random.expovariate(1 / self._mean_bytes)) + 1000]
            ends = (writer, far_writer)
            await asyncio.gather(
                self._pump(reader, far_writer, left, ends),
                self._pump(far_reader, writer, left, ends),
            )

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        return "127.0.0.1:%d" % server.sockets[0].getsockname()[1]

    async def _pump(self, reader, writer, left: list[float], ends) -> None:
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


async def serve(proxy: Proxy, addresses: list[str]) -> None:
    print(*[await proxy.listen(address) for address in addresses], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(proxy.cuts, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="proxies until standard input ends")
    parser.add_argument("seed", type=int)
    parser.add_argument("max_delay", type=float)
    parser.add_argument("mean_bytes", type=int)
    parser.add_argument("addresses", nargs="+")
    args = parser.parse_args()
    proxy = Proxy(args.seed, args.max_delay, args.mean_bytes)
    asyncio.run(serve(proxy, args.addresses))


if __name__ == "__main__":
    main()
