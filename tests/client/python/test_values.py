"""What needs no server: options, text forms, transforms, errors, randomness, splits."""

import pickle

import numpy as np
import pytest
from graphfeed import _random, _repr, errors
from graphfeed._splits import part_sizes, spread
from graphfeed.info import Stats, Summary

import graphfeed as gf
from graphfeed.info import Fingerprint
from graphfeed.ingest.progress import Progress, _duration


@pytest.mark.parametrize("cls", [c for c in vars(gf).values() if isinstance(c, type)
                                 and issubclass(c, gf.Error) and c is not gf.Error])
def test_errors_come_from_their_code_and_pickle(cls):
    error = errors.from_status(cls.code, "graph 17 is too large")
    assert type(error) is cls and str(error) == error.message == "graph 17 is too large"
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is cls and copied.code == cls.code and str(copied) == str(error)


def test_an_unknown_code_is_an_error_that_keeps_it():
    error = errors.from_status("SOMETHING_NEW", "m")
    assert type(error) is gf.Error and error.code == "SOMETHING_NEW"
    assert pickle.loads(pickle.dumps(error)).code == "SOMETHING_NEW"


@pytest.mark.parametrize(
    "cls, builtin",
    [
        (gf.InvalidArgument, ValueError),
        (gf.NotFound, LookupError),
        (gf.FailedPrecondition, RuntimeError),
        (gf.Unavailable, ConnectionError),
        (gf.DeadlineExceeded, TimeoutError),
        (gf.PermissionDenied, PermissionError),
    ],
)
def test_errors_are_the_builtin_ones_that_programs_catch(cls, builtin):
    assert issubclass(cls, builtin) and issubclass(cls, gf.Error)


def test_options_are_changed_until_used():
    options = gf.FixedSizeOptions(100, 200)
    options.num_graphs = 300
    assert "num_graphs=300" in repr(options)


def test_options_to_hetero_copies_the_count_to_every_type():
    options = gf.FixedSizeOptions(1000, 1000)
    assert not options.is_hetero()
    options.to_hetero(["movie", "director", "actor"], [("movie", "to", "actor")] * 1)
    assert options.is_hetero()
    assert options.num_nodes == {"movie": 1000, "director": 1000, "actor": 1000}
    assert (options.total_num_nodes, options.total_num_edges) == (3000, 1000)


@pytest.mark.parametrize("arguments", [(None,), (-1,), (3.5,), ({"a": -2},), (3, -1), (True,)])
def test_options_refuse_counts_that_are_none(arguments):
    with pytest.raises(ValueError, match="must be an integer"):
        gf.FixedSizeOptions(*arguments)


@pytest.mark.parametrize("num_graphs", [1, 0, None, 2.5, True])
def test_options_refuse_too_few_graphs(num_graphs):
    with pytest.raises(ValueError, match="at least 2 graphs"):
        gf.FixedSizeOptions(5, num_graphs=num_graphs)


def test_options_from_foreign_loaders():
    """Anything that yields batches with PyG's counts."""

    class Sampled:
        num_nodes, num_edges = 7, 12

    options = gf.FixedSizeOptions.from_loader([Sampled(), Sampled()])
    assert (options.num_nodes, options.num_edges, options.num_graphs) == (8, 13, 2)


def test_options_from_a_random_loader_take_as_many_epochs_as_asked():
    class Random:
        epochs = 0

        def __iter__(self):
            Random.epochs += 1
            size = Random.epochs
            return iter([type("B", (), {"num_nodes": size, "num_edges": 1, "num_graphs": 4})()] * 3)

    options = gf.FixedSizeOptions.from_loader(Random(), sample_limit=7)
    assert Random.epochs == 3 and options.num_nodes == 4 and options.num_graphs == 5


@pytest.mark.parametrize("empty", [[], iter([])])
def test_options_from_an_empty_loader_are_an_error(empty):
    with pytest.raises(ValueError, match="no batches"):
        gf.FixedSizeOptions.from_loader(empty)


def test_options_from_an_iterator_read_it_once():
    batch = type("B", (), {"num_nodes": 3, "num_edges": 1})()
    options = gf.FixedSizeOptions.from_loader(iter([batch, batch]), sample_limit=100)
    assert options.num_nodes == 4


def test_summary_prints_the_table_of_pyg():
    nodes = Stats(17.93, 4.59, 10, 14.0, 17.0, 22.0, 28)
    edges = Stats(39.58, 11.4, 20, 28.0, 38.0, 50.0, 66)
    assert str(Summary("mutag", 188, nodes, edges)) == (
        "mutag (#graphs=188):\n"
        "+------------+----------+----------+\n"
        "|            |   #nodes |   #edges |\n"
        "|------------+----------+----------|\n"
        "| mean       |     17.9 |     39.6 |\n"
        "| std        |      4.6 |     11.4 |\n"
        "| min        |     10   |     20   |\n"
        "| quantile25 |     14   |     28   |\n"
        "| median     |     17   |     38   |\n"
        "| quantile75 |     22   |     50   |\n"
        "| max        |     28   |     66   |\n"
        "+------------+----------+----------+"
    )


def test_size_repr_shows_shapes_numbers_and_texts():
    items = {"x": np.zeros((3, 2)), "n": 4, "name": "gdb_3", "s": np.array(2.5), "l": [1, 2]}
    shown = "Data(x=[3, 2], n=4, name='gdb_3', s=2.5, l=[2])"
    assert _repr.homogeneous_repr("Data", items) == shown


def test_permutations_are_complete_seeded_and_fixed_for_ever():
    perm = _random.permutation(1000, 7)
    assert sorted(perm) == list(range(1000)) and perm.dtype == np.int64
    np.testing.assert_array_equal(perm, _random.permutation(1000, 7))
    assert (perm != _random.permutation(1000, 8)).any()
    assert (perm != _random.permutation(1000, 7, purpose=1)).any()
    assert len(_random.permutation(0, 1)) == 0
    # A change of these numbers would change the splits of every user.
    assert _random.permutation(8, 12345).tolist() == PERMUTATION_OF_8


def test_permutations_are_uniform():
    firsts = np.bincount([_random.permutation(5, seed)[0] for seed in range(5000)], minlength=5)
    # Five standard deviations of a fair draw.
    assert (abs(firsts - 1000) < 5 * np.sqrt(5000 * 0.2 * 0.8)).all()


PERMUTATION_OF_8 = [1, 6, 5, 0, 4, 7, 3, 2]


@pytest.mark.parametrize(
    "sizes, total, counts",
    [
        ([0.8, 0.1, 0.1], 188, [150, 19, 19]),
        ([0.8, 0.1, 0.1], 10, [8, 1, 1]),
        ([0.5, 0.5], 3, [2, 1]),
        ([1 / 3, 1 / 3, 1 / 3], 10, [4, 3, 3]),
        ([0.6, 0.4], 0, [0, 0]),
        ([0.25], 8, [2]),
        ([150, 38], 188, [150, 38]),
        ([1, 0], 5, [1, 0]),
    ],
)
def test_sizes_of_a_split(sizes, total, counts):
    assert part_sizes(sizes, total) == counts


@pytest.mark.parametrize("sizes", [[0.9, 0.2], [100, 100], [-0.1, 0.5], [], [float("nan")]])
def test_sizes_of_a_split_that_cannot_be(sizes):
    with pytest.raises(ValueError, match="size"):
        part_sizes(sizes, 188)


def test_spread_gives_every_stretch_its_share():
    labels = np.array([0] * 60 + [1] * 30 + [2] * 10)
    order = spread(_random.permutation(100, 3), labels)
    assert sorted(order) == list(range(100))
    for start in range(0, 100, 10):
        share = np.bincount(labels[order[start : start + 10]], minlength=3)
        assert (abs(share - [6, 3, 1]) <= 1).all()


@pytest.mark.parametrize("endpoint", ["", "localhost", "localhost:", ":1", "h:0", "h:99999", "h:x"])
def test_endpoints_are_checked(endpoint):
    with pytest.raises(ValueError, match="host:port"):
        gf.connect(endpoint)


def test_clients_need_an_endpoint():
    with pytest.raises(ValueError, match="empty"):
        gf.connect([])


def test_clients_pickle_without_a_connection():
    client = gf.connect(["a:1", "b:2"], max_frame_bytes=1 << 20, timeout=3)
    copied = pickle.loads(pickle.dumps(client))
    assert copied.endpoints == ("a:1", "b:2")
    assert (copied.max_frame_bytes, copied.timeout) == (1 << 20, 3)


def test_an_unreachable_server_is_a_connection_error():
    client = gf.connect("127.0.0.1:1", timeout=5)
    with pytest.raises(ConnectionError):
        client.datasets()
    with pytest.raises(gf.Unavailable):
        client.dataset("mutag")


def test_subgraphs_take_counts_ids_and_masks():
    make = gf.transforms.Subgraph
    assert make(3)._native() == ("subgraph", {"nodes": {"": 3}})
    mask = np.array([True, False, True])
    name, options = make({"movie": mask, "actor": [2, 0], "director": 5})._native()
    assert name == "subgraph" and list(options["nodes"]) == ["movie", "actor", "director"]
    assert options["nodes"]["movie"].tolist() == [0, 2]
    assert options["nodes"]["actor"].tolist() == [2, 0]
    assert options["nodes"]["actor"].dtype == np.int64
    assert make({"movie": mask}) == make({"movie": [0, 2]}) != make({"movie": [2, 0]})
    assert make(3) != make([3]) and make(3) != 3
    assert "2 ids" in repr(make([4, 1])) and "3" in repr(make(3))
    for bad in (-1, [0.5], [[1]], "movie", True):
        with pytest.raises(gf.InvalidArgument, match="Subgraph: nodes"):
            make(bad)


def test_transforms_are_values():
    assert gf.transforms.NormalizeFeatures("x") == gf.transforms.NormalizeFeatures(("x",))
    assert gf.transforms.AddSelfLoops(2)._native() == ("add_self_loops", {"fill_value": 2.0})


def test_fingerprints_print_in_hexadecimal():
    fingerprint = Fingerprint(bytes(range(16)))
    assert repr(fingerprint) == str(fingerprint) == "000102030405060708090a0b0c0d0e0f"
    assert fingerprint == bytes(range(16)) and isinstance(fingerprint, bytes)
    assert pickle.loads(pickle.dumps(fingerprint)) == fingerprint


def test_the_summary_of_one_graph_has_no_deviations():
    nodes, edges = (gf.Stats(n, 0.0, n, n, n, n, n) for n in (2708, 10556))
    assert str(gf.Summary("cora", 1, nodes, edges)) == "cora (#graphs=1): #nodes=2708, #edges=10556"


def test_bars_estimate_the_time_that_is_left(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("graphfeed.ingest.progress.time.monotonic", lambda: now[0])
    with Progress("sending", 1000, True) as bar:
        bar.add(100)
        now[0] += 2
        bar.add(100)
        now[0] += 998
        bar.add(50)
        bar.add(750)
    shown = capsys.readouterr().err.split("\r")
    assert "left" not in shown[1]
    assert "200/1000 [100/s, 8 s left]" in shown[2]
    assert "250/1000 [0/s, 50:00 min left]" in shown[3]
    assert shown[-1].endswith("1000/1000 [1/s]               \n")
    assert _duration(7321) == "2:02 h"
