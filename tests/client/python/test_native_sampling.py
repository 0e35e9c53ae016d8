"""The sampled part of a spec, as the native module takes and shows it."""

import numpy as np
import pytest
from graphfeed import _transport as native

import graphfeed as gf

LINKS = {
    "edge_type": "movie|to|actor",
    "sources": np.array([4, 0]),
    "targets": np.array([2, 2]),
    "labels": np.array([1, 7]),
    "negative_mode": "triplet",
    "negative_amount": 2.5,
    "exclude_seed_edges": True,
    "float_labels": np.array([3.5, -1], np.float32),
}
# No field has its default.
SAMPLING = {
    "num_neighbors": {"": [5, -1], "movie|to|actor": [0, 3]},
    "replace": True,
    "subgraph_type": "induced",
    "disjoint": True,
    "time_attr": "time",
    "temporal_strategy": "last",
    "weight_attr": "weight",
    "input_type": "movie",
    "input_mask": "train_mask",
    "input_time": np.array([10, -20, 10**12]),
    "links": LINKS,
    "partition": "cluster",
}


def plain(value):
    """Arrays as lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def test_every_field_is_kept():
    spec = native.BatchSpec()
    assert spec.sampling is None and spec.ragged is False
    spec.strategy = "neighbor"
    spec.ragged = True
    spec.sampling = SAMPLING
    assert plain(spec.sampling) == plain(SAMPLING)
    assert (spec.strategy, spec.ragged) == ("neighbor", True)
    spec.sampling = spec.sampling  # what is shown can be given
    assert plain(spec.sampling) == plain(SAMPLING)
    spec.strategy = "cluster"
    assert spec.strategy == "cluster"
    spec.sampling = None
    assert spec.sampling is None


def test_what_is_left_out_has_its_default():
    spec = native.BatchSpec()
    spec.sampling = {"links": {}}
    shown = plain(spec.sampling)
    assert shown["num_neighbors"] == {} and shown["subgraph_type"] == "directional"
    assert shown["links"]["negative_mode"] == "none" and shown["links"]["negative_amount"] == 1.0
    spec.sampling = {"links": None, "input_time": []}
    assert spec.sampling["links"] is None and spec.sampling["input_time"].dtype == np.int64


@pytest.mark.parametrize(
    "sampling, message",
    [
        ({"fanout": [5]}, 'sampling has no field "fanout"'),
        ({"links": {"source": []}}, 'sampling.links has no field "source"'),
        ({"links": 5}, "sampling.links is 5"),
        ({"replace": "yes"}, "sampling.replace is 'yes'"),
        ({"time_attr": None}, "sampling.time_attr is None"),
        ({"num_neighbors": [5]}, r"sampling.num_neighbors is \[5\]"),
        ({"num_neighbors": {"": [1.5]}}, "sampling.num_neighbors is"),
        ({"subgraph_type": "all"}, 'subgraph_type is "all"; it is one of directional'),
        ({"temporal_strategy": "first"}, 'temporal_strategy is "first"; it is one of uniform'),
        ({"links": {"negative_mode": "x"}}, 'negative_mode is "x"; it is one of none'),
        ({"links": {"sources": [1.5]}}, "sampling.links.sources: ids are integers"),
        ({"links": {"labels": [[1]]}}, "sampling.links.labels: ids are integers"),
        ({"input_time": np.zeros(2)}, "sampling.input_time: ids are integers"),
    ],
)
def test_refusals_name_the_field(sampling, message):
    spec = native.BatchSpec()
    with pytest.raises(gf.InvalidArgument, match=message):
        spec.sampling = sampling
