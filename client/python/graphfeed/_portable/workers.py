"""What workers report, and which report a server has taken last, so that replicas count nothing
twice."""

from __future__ import annotations

import math
import threading
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from graphfeed import errors
from graphfeed._portable import fields
from graphfeed._portable.answers import read_answer
from graphfeed._portable.calls import Calls
from graphfeed._portable.descriptors import messages

# Upper bounds of a step's histogram in seconds; one bucket more has the rest.
STEP_SECONDS_BOUNDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0, 60.0,
)  # fmt: skip

_SHORTEST_ATTEMPT = 1.0  # seconds

_REPORT = {
    **dict.fromkeys(
        ("worker", "job", "dataset", "model", "runtime", "runtime_version"), fields.text()
    ),
    "trains": fields.boolean(),
    "num_shards": fields.integer(1),
    **dict.fromkeys(("shard_index", "start_ms", "sequence", "interval_ms"), fields.integer()),
    "finished": fields.boolean(),
    **dict.fromkeys(("epoch", "ordinal", "last_step_ms", "steps"), fields.integer()),
    "batches": fields.integers_by_name(),
    **dict.fromkeys(
        ("samples", "real_nodes", "padding_nodes", "real_edges", "padding_edges"),
        fields.integer(),
    ),
    "data_stall_seconds": fields.number(),
    "device_stall_seconds": fields.number(),
    "stage_seconds": fields.numbers_by_name(),
    "step_seconds": fields.ids(),
    "step_seconds_sum": fields.number(),
    "nonfinite_losses": fields.integer(),
    "device_errors": fields.integers_by_name(),
    "loss": fields.number(),
    "has_loss": fields.boolean(),
}


def report_to_message(report: Dict[str, Any]) -> Any:
    message = messages.WorkerReport()
    for name, value in fields.read_dict("report", _REPORT, report).items():
        if isinstance(value, np.ndarray):
            getattr(message, name).extend(value.tolist())
        elif isinstance(value, dict):
            for key, number in value.items():
                getattr(message, name)[key] = number
        else:
            setattr(message, name, value)
    return message


def status_from_message(message: Any) -> Dict[str, Any]:
    """A report as a server knows it. InvalidArgument for numbers that cannot be."""
    result: Dict[str, Any] = {}
    for name, kind in _REPORT.items():
        value, default = getattr(message.report, name), kind.default()
        if isinstance(default, dict):
            value = dict(sorted(value.items()))
        elif isinstance(default, np.ndarray):
            value = np.array(value, np.int64)
            if len(value) not in (0, len(STEP_SECONDS_BOUNDS) + 1):
                raise errors.InvalidArgument(f"{name}: {len(value)} buckets")
        result[name] = value
    for name in ("age_ms", "gone", "steps_per_second", "data_stall_share"):
        result[name] = getattr(message, name)
    for name, value in result.items():
        numbers = value.values() if isinstance(value, dict) else np.atleast_1d(value).tolist()
        for number in numbers:
            if name == "loss" or isinstance(number, str):
                continue
            if not (math.isfinite(number) and number >= 0):
                raise errors.InvalidArgument(f"{name}: {number}; finite, at least 0")
    return result


class WorkerCalls:
    """Thread-safe."""

    def __init__(self, calls: Calls, timeout: Optional[float]) -> None:
        self._calls = calls
        self._timeout = timeout
        self._lock = threading.Lock()
        self._taken: Dict[str, Tuple[int, int]] = {}  # by worker (start_ms, sequence)

    def report(self, fields_of_it: Dict[str, Any]) -> None:
        report = report_to_message(fields_of_it)
        request = messages.ReportWorkerMetricsRequest(report=report)
        taken = self._last_taken(report)
        if taken is not None:
            request.last_taken = taken
        due = max(report.interval_ms / 1000, _SHORTEST_ATTEMPT)
        response = messages.ReportWorkerMetricsResponse
        timeout = due if self._timeout is None else min(self._timeout, due)
        self._calls.ask("ReportWorkerMetrics", request, response, timeout)
        self._note_taken(report)

    def list(self) -> List[Dict[str, Any]]:
        several = self._calls.several()
        workers: Dict[str, Dict[str, Any]] = {}
        request, response = messages.ListWorkersRequest(), messages.ListWorkersResponse
        while True:
            # All replicas have been asked up to the first that has more.
            ends: List[str] = []
            broken: List[errors.Error] = []
            answers = [0]

            def add(page: Any) -> bool:
                answers[0] += 1
                try:
                    last = _add_page(page, request.after, workers)
                    if page.more:
                        ends.append(last)
                except errors.Error as error:
                    broken.append(error)
                return False  # none is preferred for its answer

            if several:
                self._calls.ask_each("ListWorkers", request, response, add)
            if not answers[0]:
                add(self._calls.ask("ListWorkers", request, response, self._timeout))
            if broken:
                raise broken[0]
            if not ends:
                return [workers[name] for name in sorted(workers)]
            request = messages.ListWorkersRequest(after=min(ends))

    def _last_taken(self, report: Any) -> Optional[int]:
        with self._lock:
            start_ms, sequence = self._taken.get(report.worker, (None, 0))
            if start_ms == report.start_ms:
                return min(sequence, report.sequence)
            # Others may have reported before this client did.
            if report.sequence != 1:
                return None
            self._taken[report.worker] = (report.start_ms, 0)
            return 0

    def _note_taken(self, report: Any) -> None:
        with self._lock:
            if report.finished:
                self._taken.pop(report.worker, None)
                return
            start_ms, sequence = self._taken.get(report.worker, (None, 0))
            known = sequence if start_ms == report.start_ms else 0
            self._taken[report.worker] = (report.start_ms, max(known, report.sequence))


def _add_page(page: Any, after: str, workers: Dict[str, Dict[str, Any]]) -> str:
    """Adds what one replica lists to what others did; the name of its last worker."""
    last = after
    for message in page.workers:
        status = read_answer(status_from_message, message)
        name = status["worker"]
        if name <= last:
            raise errors.DataLoss(f'the server lists worker "{name}" behind "{last}"')
        last = name
        known = workers.get(name)
        if known is None or _age(status) > _age(known):
            workers[name] = status
    if page.more and last == after:
        raise errors.DataLoss("the server lists nothing, and says that there is more")
    return last


def _age(status: Dict[str, Any]) -> Tuple[int, int]:
    return status["start_ms"], status["sequence"]
