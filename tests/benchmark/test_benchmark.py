"""The benchmark's own tools, without a clock: clients that count alike, constant frames, verdicts."""

import json
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import harness  # noqa: E402
import profiling  # noqa: E402
import tables  # noqa: E402
import wires  # noqa: E402
from graphfeed.demo.molecules import molecules  # noqa: E402

import graphfeed as gf  # noqa: E402


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Of the build that is tested, with few molecules."""
    build = pathlib.Path(os.environ["GRAPHFEED_SERVER"]).parent.parent
    sources = dict(harness.SOURCES)
    harness.SOURCES[harness.QM9] = lambda: (molecules(12_000), "generated")
    yield harness.Bench(build, tmp_path_factory.mktemp("bench"), rounds=1, seconds=0.05)
    harness.SOURCES.update(sources)


def lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_both_clients_stream_what_they_are_asked_for_and_count_alike(bench):
    runs = {}
    with bench.server(bench.data(harness.QM9)) as server:
        for language in ("cpp", "python"):
            with bench.client(language) as client:
                runs[language] = client.ask(
                    harness.BATCHES["pad"], server.flags, "--warm-up 3 --batches 40"
                )
    cpp, python = runs["cpp"], runs["python"]
    assert cpp.keys() == python.keys()
    assert cpp["batches"] == python["batches"] == 40
    assert 0.99 * cpp["bytes"] < python["bytes"] <= cpp["bytes"]  # without gaps between tensors
    for run in runs.values():
        assert run["warm_up_seconds"] >= run["first_seconds"] > 0
        for side in ("server", "client"):
            assert run[side]["cpu_seconds"] > 0
            assert run[side]["context_switches"] > 0


def test_streams_at_once_are_counted_together(bench):
    with bench.server(bench.data(harness.QM9)) as server, bench.client() as client:
        run = client.ask(
            harness.BATCHES["pack"], server.flags, "--streams 3 --warm-up 2 --batches 10"
        )
    assert run["batches"] == 30


def test_the_constant_seed_sends_one_frame_again_and_again(bench):
    with bench.server(bench.data(harness.QM9)) as server:
        dataset = gf.connect(server.address).dataset(harness.QM9)

        def digests(seed: int) -> list[int]:
            return [batch.digest for batch in gf.DataLoader(dataset, batch_size=1200, seed=seed, shuffle=True)]

        constant = digests(harness.CONSTANT_SEED)
        assert len(constant) == 10
        assert len(set(constant)) == 1
        assert len(set(digests(1))) == 10
        assert len(set(digests(harness.HASHED_TWICE_SEED))) == 10


def test_a_client_that_is_asked_for_nonsense_ends_the_benchmark(bench):
    with bench.client() as client, pytest.raises(SystemExit, match="a client has ended"):
        client.ask("qm9 --strategy nonsense")


def test_a_stalled_client_holds_its_prefetch_and_no_more(bench, capsys):
    wires.stalled(bench)
    told = [line for line in lines(capsys) if line["benchmark"] == "stalled"]
    assert {(line["wire"], line["prefetch"]) for line in told} == {
        (wire, prefetch) for wire in harness.WIRES for prefetch in (1, 4, 16)
    }
    assert all(line["met"] for line in told), told
    # Of one frame all bytes may be in the buffers of the sockets.
    assert all(line["held_slabs"] >= 0.9 for line in told if line["prefetch"] > 1), told


def run_of(rate: float) -> dict:
    counted = {"cpu_seconds": 1.0, "minor_faults": 4, "context_switches": 8}
    return {"batches": 10, "bytes": 100, "batches_per_s": rate, "bytes_per_s": 10 * rate, "server": counted, "client": counted}


@pytest.mark.parametrize(("target", "met"), [(0.5, True), (0.6, False)])
def test_the_ratio_is_the_median_of_the_rounds(capsys, target, met):
    runs = {"built": [run_of(5), run_of(60), run_of(20)], "constant": [run_of(10), run_of(100), run_of(80)]}
    assert harness.compare("delivery", runs, "built", "constant", target, batches="pad") == 0.5
    (line,) = lines(capsys)
    assert line["ratio"] == 0.5
    assert (line["target_at_least"], line["met"]) == (target, met)
    assert line["medians"]["built"]["batches_per_s"] == 20
    assert line["medians"]["built"]["server"]["cpu_us_per_batch"] == 1e5
    tables.figures([line])
    row = capsys.readouterr().out.splitlines()[-1]
    assert row == f"| delivery | pad, built | 20 batches/s | constant: 80 | 0.5 | ≥ {target} | {'yes' if met else '**no**'} |"


def test_who_begins_changes_from_round_to_round(bench):
    began = []
    kinds = {name: lambda name=name: began.append(name) or {} for name in ("a", "b")}
    bench.alternate(kinds, rounds=3)
    assert began == ["a", "b", "b", "a", "a", "b"]


@pytest.mark.parametrize(
    ("symbol", "group"),
    [
        ("[kernel.kallsyms] _copy_from_iter", "kernel: copying into and out of sockets"),
        ("[kernel.kallsyms] handle_mm_fault", "kernel: page faults"),
        ("[kernel.kallsyms] finish_task_switch.isra.0", "kernel: TCP, waking, the rest"),
        ("libc.so.6 [.] __memmove_avx512_unaligned_erms", "memmove"),
        ("libgrpc.so.29.0.0 [.] 0x000000000007", "gRPC, protobuf, abseil"),
        ("stream_server [.] graphfeed::ChunkCache::Prefetch", "ChunkCache::Prefetch"),
        ("stream_server [.] graphfeed::(anonymous namespace)::StartPtr", "StartPtr"),
    ],
)
def test_symbols_of_a_profile_are_grouped(symbol, group):
    assert profiling.group(symbol) == group
