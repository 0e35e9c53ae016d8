"""What workers report, and how clients see it."""

import math
import signal
import socket

import pytest

import graphfeed as gf


def report(worker, sequence=1, **fields):
    return {
        "worker": worker,
        "runtime": "python",
        "trains": True,
        "start_ms": 1_700_000_000_000,
        "sequence": sequence,
        "interval_ms": 1000,
        **fields,
    }


def status_of(client, worker):
    return {status.worker: status for status in client.workers()}[worker]


def test_a_list_of_several_servers_can_be_interrupted(start_server):
    def interrupt(*_):
        raise KeyboardInterrupt

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        addresses = [start_server().address, f"127.0.0.1:{silent.getsockname()[1]}"]
        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            with gf.connect(addresses) as client:
                client.datasets()
                signal.setitimer(signal.ITIMER_REAL, 0.5)
                with pytest.raises(KeyboardInterrupt):
                    client.workers()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def test_a_report_is_listed_as_it_came(client):
    buckets = [0] * (len(gf.STEP_SECONDS_BOUNDS) + 1)
    buckets[4] = 10
    client._report_worker(
        report(
            "py-0", steps=10, batches={"ok": 10}, samples=200, data_stall_seconds=0.5,
            stage_seconds={"execute": 2.0}, step_seconds=buckets, loss=0.25, has_loss=True,
            epoch=1, ordinal=10, dataset="mutag@1", device_errors={"oom": 1},
        )
    )
    status = status_of(client, "py-0")
    assert isinstance(status, gf.WorkerStatus)
    assert (status.steps, status.samples, status.loss) == (10, 200, 0.25)
    assert status.batches == {"ok": 10} and status.device_errors == {"oom": 1}
    assert status.stage_seconds == {"execute": 2.0}
    assert status.step_seconds == tuple(buckets)
    assert (status.epoch, status.ordinal, status.dataset) == (1, 10, "mutag@1")
    assert status.trains and not status.gone and not status.finished
    assert 0 <= status.age_ms < 60_000


def test_what_is_left_out_has_its_default(client):
    client._report_worker(report("py-1"))
    status = status_of(client, "py-1")
    assert status.loss is None and status.step_seconds == () and status.num_shards == 1


def test_a_last_report_is_that_of_a_worker_that_is_gone(client):
    client._report_worker(report("py-2", steps=1))
    client._report_worker(report("py-2", sequence=2, steps=2, finished=True, loss=math.nan, has_loss=True))
    status = status_of(client, "py-2")
    assert status.gone and status.finished and status.steps == 2 and math.isnan(status.loss)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"steps": -1}, "steps: -1; at least 0"),
        ({"step_seconds": [1, 2]}, "step_seconds: 2 buckets; 17, or none"),
        ({"data_stall_seconds": math.nan}, "data_stall_seconds: nan"),
        ({"num_shards": 2, "shard_index": 2}, "shard_index: 2; num_shards is 2"),
        ({"losses": 1}, 'report has no field "losses"'),
        ({"batches": 5}, "report.batches is 5"),
        ({"job": "\n"}, "job: a control character"),
    ],
)
def test_refusals_name_the_field(client, fields, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        client._report_worker(report("py-3", **fields))
    assert "py-3" not in {status.worker for status in client.workers()}


def test_fields_are_those_of_the_native_report(client):
    client._report_worker(report("py-4"))
    native = client._connection.call(lambda native: native.list_workers())[0]
    assert set(native) - {"has_loss"} == set(gf.WorkerStatus.__dataclass_fields__)
