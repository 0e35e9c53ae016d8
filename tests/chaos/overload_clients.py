"""Many clients in one process, each with a connection of its own and with no more to it than gRPC:
they open streams, read or do not, and ask again. Until standard input ends; then a line of JSON says
what they have met. Needs GRAPHFEED_CLIENT=python, whose requests they send."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections import Counter

import grpc
from grpc import aio

import graphfeed as gf
from graphfeed._portable import details, requests

DETAILS = "grpc-status-details-bin"
METHOD = "/graphfeed.v1.GraphFeed/StreamBatches"
FAST_FRAMES = 150
SLOW_FRAMES = 8
SLOW = 0.4  # seconds between two frames
FAN_OUT, SEEDS = [12], 16
PREFETCH = 64  # as much as there is: memory has to give way
LONGEST_PAUSE = 3.0  # of what a refusal names; with more this were a test of pauses


def stream_request(address: str, token: str):
    """Of sampled neighbourhoods, whose making takes longer than their way."""
    loader = gf.NeighborLoader(
        gf.connect(address, token=token).dataset("links"),
        num_neighbors=FAN_OUT, batch_size=SEEDS, shuffle=True, seed=0, prefetch=PREFETCH,
    )  # fmt: skip
    return requests.stream_request(loader._stream_options(0), False, 16 << 20)


class Clients:
    def __init__(self, address: str, tokens: list[str], seed: int) -> None:
        self._address = address
        self._tokens = tokens
        self._request = stream_request(address, tokens[0])
        self._chance = random.Random(seed)
        self._stopping = asyncio.Event()
        self.ended: Counter[str] = Counter()
        self.refused: list[dict] = []
        self.unexpected: list[str] = []

    async def run(self, kinds: list[str]) -> None:
        tasks = [
            asyncio.ensure_future(self._client(kind, self._tokens[i % len(self._tokens)]))
            for i, kind in enumerate(kinds)
        ]
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        self._stopping.set()
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        self.unexpected += [
            repr(error) for error in done if not isinstance(error, asyncio.CancelledError)
        ]

    async def _client(self, kind: str, token: str) -> None:
        metadata = [("authorization", f"Bearer {token}")]
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        while True:
            # Who vanishes takes its connection with it.
            async with aio.insecure_channel(self._address, options=options) as channel:
                for _ in range(1 if kind == "vanishing" else 1000):
                    await self._stream(kind, channel, metadata)

    async def _stream(self, kind: str, channel: aio.Channel, metadata: list) -> None:
        self._request.seed = self._chance.randrange(1 << 32)
        begin = asyncio.get_running_loop().time()
        call = channel.unary_stream(METHOD)(self._request.SerializeToString(), metadata=metadata)
        try:
            await self._read(kind, call)
            self.ended["left"] += 1
            call.cancel()
        except aio.AioRpcError as error:
            waited = asyncio.get_running_loop().time() - begin
            await self._take_end(error, waited)

    async def _read(self, kind: str, call) -> None:
        """Returns when the client has had enough."""
        if kind == "fast":
            for _ in range(FAST_FRAMES):
                await self._next(call)
        elif kind == "slow":
            for _ in range(SLOW_FRAMES):
                await self._next(call)
                await asyncio.sleep(SLOW)
        elif kind == "idle":
            for _ in range(3):  # the header, the epoch, a frame
                await self._next(call)
            code = await call.code()  # until the server has had enough
            raise aio.AioRpcError(
                code, await call.initial_metadata(), await call.trailing_metadata(),
                await call.details(),
            )  # fmt: skip
        else:
            for _ in range(self._chance.randrange(5)):
                await self._next(call)

    async def _next(self, call) -> None:
        if await call.read() is aio.EOF:
            raise aio.AioRpcError(
                await call.code(), await call.initial_metadata(), await call.trailing_metadata(),
                await call.details(),
            )  # fmt: skip

    async def _take_end(self, error: aio.AioRpcError, waited: float) -> None:
        code, words = error.code(), error.details() or ""
        self.ended[code.name] += 1
        if code == grpc.StatusCode.RESOURCE_EXHAUSTED:
            told = [data for key, data in error.trailing_metadata() if key == DETAILS]
            delay = details.decode(b"".join(told)).retry_delay
            self.refused.append({"words": words, "waited": waited, "delay": delay})
            await asyncio.sleep(min(delay or 0, LONGEST_PAUSE) * self._chance.uniform(1, 1.2))
        elif not (code == grpc.StatusCode.UNAVAILABLE and words.startswith("idle: ")):
            self.unexpected.append(f"{code.name}: {words}")
            await asyncio.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("tokens", type=lambda text: text.split(","))
    parser.add_argument("seed", type=int)
    parser.add_argument("kinds", nargs="+", help="fast, slow, idle or vanishing: a client each")
    args = parser.parse_args()

    async def run() -> None:
        clients = Clients(args.address, args.tokens, args.seed)
        print("ready", flush=True)
        await clients.run(args.kinds)
        print(json.dumps({
            "ended": clients.ended, "refused": clients.refused, "unexpected": clients.unexpected,
        }), flush=True)  # fmt: skip

    asyncio.run(run())


if __name__ == "__main__":
    main()
