"""Calls to a server or its replicas."""

from __future__ import annotations

import copy
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from graphfeed import errors
from graphfeed._portable import forks, frames, memory, requests
from graphfeed._portable.answers import (
    BudgetReport,
    PlanDescription,
    SizeChoice,
    StrategyPlan,
    StreamInfo,
    budget_from_message,
    choice_from_message,
    description_from_message,
    read_answer,
    server_info_from_message,
    stream_from_message,
)
from graphfeed._portable.calls import Calls, Settings
from graphfeed._portable.channel_options import ChannelOptions
from graphfeed._portable.datasets import DatasetInfo, dataset_from_message
from graphfeed._portable.decoder import check_shard_frames, check_stream_info
from graphfeed._portable.descriptors import messages
from graphfeed._portable.ingests import IngestSpec, IngestStream
from graphfeed._portable.outage import duration
from graphfeed._portable.plans import compare_plans
from graphfeed._portable.reader import ResumingReader
from graphfeed._portable.replicas import Replicas
from graphfeed._portable.security import Security
from graphfeed._portable.slabs import Batch
from graphfeed._portable.specs import (
    BatchSpec,
    FixedSizeOptions,
    Selection,
    StreamOptions,
    options_from_message,
    selection_to_message,
    spec_to_message,
)
from graphfeed._portable.streams import Stream
from graphfeed._portable.workers import WorkerCalls

_MAX_FRAME_BYTES = (2 << 30) - (16 << 20)
_MESSAGE_OVERHEAD_BYTES = 64 << 10  # what a message has besides its frame's payload


class Client:
    """See _graphfeed.pyi. Frames do not come in shared memory here, whatever `shared_memory`
    says."""

    def __init__(
        self,
        endpoints: Sequence[str],
        max_frame_bytes: int = 256 << 20,
        timeout: float = 60.0,
        retry_timeout: float = 60.0,
        keepalive_time: float = 10.0,
        keepalive_timeout: float = 10.0,
        compact: bool = False,
        use_proxy: bool = True,
        shared_memory: bool = True,
        security: Dict[str, str] = {},  # noqa: B006
        spread: bool = True,
    ) -> None:
        self._made_under = forks.generation()
        if not 1 <= max_frame_bytes <= _MAX_FRAME_BYTES:
            raise errors.InvalidArgument(
                f"max_frame_bytes is {max_frame_bytes}; it is between 1 and {_MAX_FRAME_BYTES}"
            )
        if not retry_timeout >= 0:
            raise errors.InvalidArgument(
                f"retry_timeout is {duration(retry_timeout)}; it is at least 0"
            )
        for name, value in (
            ("timeout", timeout),
            ("keepalive_time", keepalive_time),
            ("keepalive_timeout", keepalive_timeout),
        ):
            if not value > 0:
                raise errors.InvalidArgument(f"{name} is {duration(value)}; it is above 0")
        memory.keep_receive_memory()
        self._settings = Settings(max_frame_bytes, timeout, retry_timeout, compact, spread)
        self._replicas = Replicas(
            endpoints,
            ChannelOptions(
                max_receive_bytes=max_frame_bytes + _MESSAGE_OVERHEAD_BYTES,
                connect_timeout=5.0 if len(endpoints) > 1 else 20.0,
                keepalive_time=keepalive_time,
                keepalive_timeout=keepalive_timeout,
                use_proxy=use_proxy,
                security=Security.checked(security),
            ),
        )
        self._timeout = self._settings.deadline
        self._calls = Calls(self._settings, self._replicas)
        self._workers = WorkerCalls(self._calls, self._timeout)

    def take_notices(self) -> List[str]:
        """Nothing: what streams had to do to go on is logged when they do it."""
        self._check_own()
        return []

    def list_datasets(self) -> List[DatasetInfo]:
        self._check_own()
        infos: List[DatasetInfo] = []
        request = messages.ListDatasetsRequest()
        while True:
            answer = self._ask("ListDatasets", request, messages.ListDatasetsResponse)
            page = [read_answer(dataset_from_message, message) for message in answer.datasets]
            if answer.more and not page:
                raise errors.DataLoss("the server lists nothing, and says that there is more")
            for info in page:
                if infos and (infos[-1].name, infos[-1].version) >= (info.name, info.version):
                    raise errors.DataLoss(
                        f"the server lists {info.name}@{info.version} behind "
                        f"{infos[-1].name}@{infos[-1].version}"
                    )
                infos.append(info)
            if not answer.more:
                return infos
            request.after = f"{infos[-1].name}@{infos[-1].version}"

    def get_dataset(self, dataset: str) -> DatasetInfo:
        self._check_own()
        found = self._find_newest(dataset)
        if found is None:
            request = messages.GetDatasetRequest(dataset=dataset)
            found = self._ask("GetDataset", request, messages.DatasetInfo)
        return read_answer(dataset_from_message, found)

    def delete_version(self, name: str, version: int) -> None:
        self._check_own()
        request = messages.DeleteVersionRequest(name=name, version=version)
        response = messages.DeleteVersionResponse
        self._calls.tell("DeleteVersion", request, response, self._timeout)

    def estimate_options(
        self, dataset: str, batch_size: int, selection: Selection, sample_limit: int
    ) -> FixedSizeOptions:
        self._check_own()
        request = messages.EstimateOptionsRequest(
            dataset=self._pinned(dataset),
            batch_size=batch_size,
            selection=selection_to_message(selection),
            sample_limit=sample_limit,
        )
        answer = self._ask("EstimateOptions", request, messages.EstimateOptionsResponse)
        return read_answer(options_from_message, answer.options)

    def estimate(
        self,
        dataset: str,
        spec: BatchSpec,
        seed: int,
        epoch: int = 0,
        quantile: float = 1.0,
        sample_limit: int = 0,
    ) -> BudgetReport:
        self._check_own()
        message = spec_to_message(spec)
        message.ClearField("options")
        request = messages.EstimateOptionsRequest(
            dataset=self._pinned(dataset),
            spec=message,
            seed=seed,
            epoch=epoch,
            quantile=quantile,
            sample_limit=sample_limit,
        )
        response = messages.EstimateOptionsResponse
        return read_answer(
            budget_from_message, self._calls.ask("EstimateOptions", request, response, None)
        )

    def choose_sizes(self, dataset: str, spec: BatchSpec, limit: str, at_most: int) -> SizeChoice:
        self._check_own()
        requests.check_limit(limit)
        request = requests.choice_request(self._pinned(dataset), spec, limit, at_most)
        answer = self._ask("EstimateOptions", request, messages.EstimateOptionsResponse)
        return read_answer(choice_from_message, answer)

    def compare_plans(
        self, options: StreamOptions, epoch: int = 0, limit: str = "", at_most: int = 0
    ) -> Tuple[List[StrategyPlan], str]:
        self._check_own()
        options = copy.copy(options)
        options.start_epoch = epoch
        target = (requests.check_limit(limit), at_most) if limit else None
        return compare_plans(self, options, target)

    def partition(
        self, dataset: str, num_parts: int, seed: int = 0, column: str = "partition"
    ) -> DatasetInfo:
        self._check_own()
        request = messages.PartitionDatasetRequest(
            dataset=self._pinned(dataset), num_parts=num_parts, seed=seed, column=column
        )
        answer = self._calls.tell("PartitionDataset", request, messages.DatasetInfo, None)
        return read_answer(dataset_from_message, answer)

    def describe_plan(self, options: StreamOptions, epoch: int = 0) -> PlanDescription:
        self._check_own()
        options = copy.copy(options)
        options.start_epoch = epoch
        request = requests.plan_request(options)
        request.dataset = self._pinned(options.dataset)
        answer = self._ask("DescribePlan", request, messages.DescribePlanResponse)
        description = read_answer(description_from_message, answer)
        # A plan is that of a whole epoch, wherever the stream is to begin.
        check_shard_frames(description.plan, options, first_epoch=False)
        return description

    def get_batch(
        self, options: StreamOptions, epoch: int, ordinal: int
    ) -> Tuple[StreamInfo, Batch, Dict[str, List[str]]]:
        self._check_own()
        limit = self._settings.max_frame_bytes
        request = requests.batch_request(options, epoch, ordinal, limit)
        request.dataset = self._pinned(options.dataset)
        return self._calls.ask(
            "GetBatch",
            request,
            messages.GetBatchResponse,
            self._timeout,
            lambda answer: self._read_batch(options, epoch, ordinal, answer),
        )

    def stream_batches(self, options: StreamOptions) -> Stream:
        self._check_own()
        settings = self._settings
        # Refused here what the wire cannot carry.
        requests.stream_request(options, settings.compact, settings.max_frame_bytes)
        pinned = copy.copy(options)
        pinned.dataset = self._pinned(options.dataset)
        reader = ResumingReader(pinned, settings, self._replicas)
        return Stream(reader, options.client_prefetch)

    def ingest(self, spec: IngestSpec) -> IngestStream:
        self._check_own()
        return IngestStream(self._calls.find_reachable().channel, spec)

    def report_worker(self, report: Dict[str, Any]) -> None:
        self._check_own()
        self._workers.report(report)

    def list_workers(self) -> List[Dict[str, Any]]:
        self._check_own()
        return self._workers.list()

    def server_info(self) -> Dict[str, Any]:
        self._check_own()
        request = messages.ServerInfoRequest()
        answer = self._ask("ServerInfo", request, messages.ServerInfoResponse)
        return read_answer(server_info_from_message, answer)

    def _check_own(self) -> None:
        forks.check_own(self._made_under, "the client")

    def _ask(self, name: str, request: Any, response: Any) -> Any:
        return self._calls.ask(name, request, response, self._timeout)

    def _find_newest(self, dataset: str) -> Optional[Any]:
        """Of a name without a version the newest one that any of several replicas has. None when
        that is no question, or nobody answers it."""
        if "@" in dataset or not self._calls.several():
            return None
        newest: List[Any] = []

        def is_newer(answer: Any) -> bool:
            if newest and answer.version <= newest[-1].version:
                return False
            newest.append(answer)
            return True

        request = messages.GetDatasetRequest(dataset=dataset)
        asked = self._calls.ask_each("GetDataset", request, messages.DatasetInfo, is_newer)
        return newest[-1] if asked else None

    def _pinned(self, dataset: str) -> str:
        newest = self._find_newest(dataset)
        return dataset if newest is None else f"{newest.name}@{newest.version}"

    def _read_batch(
        self, options: StreamOptions, epoch: int, ordinal: int, answer: Any
    ) -> Tuple[StreamInfo, Batch, Dict[str, List[str]]]:
        info = read_answer(stream_from_message, answer.header)
        check_stream_info(info, options)
        frame = read_answer(frames.frame_from_message, answer.frame)
        if (frame.epoch, frame.ordinal) != (epoch, ordinal):
            raise errors.DataLoss(
                f"the server sent frame {frame.ordinal} of epoch {frame.epoch}, not {ordinal} of "
                f"{epoch}"
            )
        frame = frames.check_graph_ids(frame, options.graph_ids)
        limit = self._settings.max_frame_bytes
        reader = frames.FrameReader(info.layout, limit, options.verify_digests, max_idle=0)
        payload = np.frombuffer(answer.frame.payload, np.uint8)
        batch = reader.finish(frame, reader.take(payload, b"", is_compact=False))
        return info, batch, {column.name: list(column.values) for column in answer.strings}
