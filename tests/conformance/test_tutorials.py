"""The tutorials' loading parts print the tutorials' numbers."""

import ast
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from shared_data import shared_dir

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "client" / "python" / "examples"


def run(name: str, server, *arguments) -> str:
    """The output of an example against the real datasets."""
    data = shared_dir("data")
    if data is None:
        pytest.skip("the datasets are absent")
    if not pathlib.Path(os.environ.get("GRAPHFEED_CLI", "")).is_file():
        pytest.fail("GRAPHFEED_CLI must name the graphfeed program (ctest sets it)")
    command = [sys.executable, EXAMPLES / name, "--server", server.address, "--data", data]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_lines(output: str, *wanted: str) -> None:
    for text in wanted:
        assert text in output, f"{text!r} is not in:\n{output}"


def test_tutorial_1(server):
    output = run("tutorial_1_at_a_glance.py", server)
    assert_lines(
        output,
        "data = Data(x=[2708, 1433], edge_index=[2, 10556], y=[2708], train_mask=[2708], "
        "val_mask=[2708], test_mask=[2708])",
        "every row of x sums to 1.000 .. 1.000",
        "len(dataset) = 188, dataset.num_features = 7, dataset.num_edge_features = 4",
        "edge_index=[2, 38]",
        "loader.fixed_size_options.num_nodes = 253, loader.fixed_size_options.num_edges = 595",
        "batch = DataBatch(x=[253, 7], edge_index=[2, 595], edge_attr=[595, 4], y=[10], "
        "batch=[253], edges_mask=[595], graphs_mask=[10], nodes_mask=[253], ptr=[11], "
        "num_nodes=253, num_edges=595)",
        "real graphs 9, nodes 149, edges 326",
        "ptr [0, 17, 30, 43, 62, 73, 101, 117, 137, 149, 253]",
        "y [1, 0, 0, 1, 0, 1, 0, 1, 0, 0]",
        "padding edges from {149} to {149}",
        "100 nodes are too few",
    )


def test_tutorial_2(server):
    assert_lines(
        run("tutorial_2_a_worked_example.py", server),
        "Number of graphs: 1",
        "Number of features: 1433",
        "Number of classes: 7",
        "Data(x=[2708, 1433], edge_index=[2, 13264], y=[2708], train_mask=[2708], "
        "val_mask=[2708], test_mask=[2708])",
        "data.num_nodes = 2708",
        "data.num_edges = 13264",
        "len(loader) = 1",
        "training labels: 140 of (2708,)",
    )


def test_tutorial_3(server):
    output = run("tutorial_3_padding.py", server)
    assert_lines(
        output,
        "qm9@1(130839)",
        "Data(x=[3, 11], z=[3], edge_index=[2, 4], edge_attr=[4, 4], y=[1, 2])",
        "Mini-batch 0 has an x array of shape: [16, 11]",
        "Mini-batch 1 has an x array of shape: [21, 11]",
        "Mini-batch 2 has an x array of shape: [26, 11]",
        "edge_index=[2, 24]",
        "edge_index=[2, 34]",
        "edge_index=[2, 44]",
        "| mean       |     18   |     37.3 |\n"
        "| std        |      2.9 |      6.3 |\n"
        "| min        |      3   |      4   |\n"
        "| quantile25 |     16   |     34   |\n"
        "| median     |     18   |     38   |\n"
        "| quantile75 |     20   |     42   |\n"
        "| max        |     29   |     56   |\n",
        "options.num_nodes = 3712",
        "options.num_edges = 7168",
        "DataBatch(x=[3712, 11], edge_index=[2, 7168], edge_attr=[7168, 4], y=[128, 2], "
        "batch=[3712], edges_mask=[7168], graphs_mask=[128], nodes_mask=[3712], ptr=[129], "
        "z=[3712], num_nodes=3712, num_edges=7168)",
        "Shape of y: [128, 2]",
        "found by the loader: 3684 nodes, 7113 edges",
        "not in this data",
    )


def test_tutorial_4(server):
    recorded = shared_dir("golden")
    if recorded is None:
        pytest.skip("recorded cases are absent")
    output = run("tutorial_4_packing.py", server, "--permutation", recorded / "mutag.json")
    batch = (
        "DataBatch(x=[400, 7], edge_index=[2, 800], edge_attr=[800, 4], y=[10], batch=[400], "
        "edges_mask=[800], graphs_mask=[10], nodes_mask=[400], ptr=[11], num_nodes=400, "
        "num_edges=800)"
    )
    assert_lines(
        output,
        "2 graphs with 5 nodes and 5 edges, padded to 3, 6 and 6",
        "len(dataset) = 188, dataset.num_features = 7, dataset.num_edge_features = 4, "
        "dataset.num_classes = 2",
        "molecule.num_nodes = 17, molecule.num_edges = 38, molecule.y = array([1])",
        "molecule.num_nodes = 13, molecule.num_edges = 28, molecule.y = array([0])",
        "mutag (#graphs=188):",
        "| mean       |     17.9 |     39.6 |\n"
        "| std        |      4.6 |     11.4 |\n"
        "| min        |     10   |     20   |\n"
        "| quantile25 |     14   |     28   |\n"
        "| median     |     17   |     38   |\n"
        "| quantile75 |     22   |     50   |\n"
        "| max        |     28   |     66   |\n",
        f"first = {batch}",
        f"second = {batch}",
        "real_nodes = 138 of 400: 0.345",
        "roomy: 17 batches, efficiency 39.91%",
        "real graphs in each: 9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,6",
        "options.num_nodes = 179, options.num_edges = 395",
        "snug: 18 batches, efficiency 84.23%",
        "real graphs in each: 9,8,9,9,8,9,9,8,8,9,9,9,9,8,9,9,9,2",
        "test set: 5 batches, efficiency 73.41%",
        "real graphs in each: 9,9,9,9,2",
    )


def test_tutorial_6(server):
    recorded = shared_dir("golden")
    if recorded is None:
        pytest.skip("recorded cases are absent")
    imdb = json.loads((recorded / "imdb.json").read_text())
    output = run("tutorial_6_heterogeneous_graphs.py", server)
    whole, sampled, rest = re.split(r"^(?:sampled|\d+ batches an epoch)", output, 2, re.M)
    assert_lines(
        whole,
        "  movie={\n    x=[1000, 3066],\n    y=[1000],\n    train_mask=[1000],\n"
        "    val_mask=[1000],\n    test_mask=[1000],\n",
        "  },\n  director={ x=[482, 3066] },\n  actor={ x=[1469, 3066] },\n",
        "  (movie, to, director)={ edge_index=[2, 1000] },\n"
        "  (movie, to, actor)={ edge_index=[2, 2998] },\n"
        "  (director, to, movie)={ edge_index=[2, 1000] },\n"
        "  (actor, to, movie)={ edge_index=[2, 2998] }\n",
        "classes [0, 1, 2]",
        "full.num_graphs = 1, full.num_nodes = 2951, full.num_edges = 7996",
    )
    assert_lines(
        sampled,
        "HeteroData(\n",
        "    n_id=[5],\n",
        "    n_id=[15],\n",
        "    edge_index=[2, 14],\n    e_id=[14],\n",
        "    edge_index=[2, 44],\n    e_id=[44],\n",
        "    edge_index=[2, 5],\n    e_id=[5],\n",
        "    edge_index=[2, 15],\n    e_id=[15],\n",
        "    batch_size=5,\n",
        "    input_id=[5],\n",
    )

    # What no draw can change, in every batch of the epoch.
    batches = re.findall(r"^batch \d+: batch_size (\d+), nodes ({.*}), edges ({.*})$", rest, re.M)
    assert len(batches) == len(imdb["per_batch_rng_free"]) == 18
    for (size, nodes, edges), wanted in zip(batches, imdb["per_batch_rng_free"]):
        nodes = ast.literal_eval(nodes)
        assert int(size) == wanted["batch_size"]
        assert (nodes["director"], nodes["actor"]) == (wanted["director"], wanted["actor"])
        assert ast.literal_eval(edges) == wanted["edges"]

    # From the largest of a thousand batches: only the movies depend on draws.
    found = re.search(r"num_nodes={'movie': (\d+), 'director': 6, 'actor': 16}", rest)
    assert found and 63 <= int(found[1]) <= 66, rest
    movies = int(found[1])
    assert_lines(
        rest,
        "num_edges={('movie', 'to', 'director'): 22, ('movie', 'to', 'actor'): 56, "
        "('director', 'to', 'movie'): 6, ('actor', 'to', 'movie'): 16}",
    )
    roomy, snug = (re.search(rf"^{n} = (.*?)^\)", rest, re.M | re.S)[1] for n in ("roomy", "snug"))
    assert_lines(
        roomy,
        "HeteroDataBatch(\n  graphs_mask=[2],\n  num_nodes=3000,\n  num_edges=4000,\n",
        "    ptr=[3],\n",
        "    batch_size=5,\n    input_id=[5],\n",
    )
    assert roomy.count("x=[1000, 3066]") == 3 and roomy.count("edge_index=[2, 1000]") == 4
    assert_lines(
        snug,
        f"  num_nodes={movies + 22},\n  num_edges=100,\n",
        f"x=[{movies}, 3066]",
        "x=[6, 3066]",
        "x=[16, 3066]",
        *(f"    edge_index=[2, {n}],\n    e_id=[{n}],\n    edges_mask=[{n}],\n"
          for n in (22, 56, 6, 16)),
    )


def test_knowledge_graph_with_budgets_from_quantiles(server):
    output = run("human_gene_kg.py", server)
    assert_lines(
        output,
        "7 node types, 30 edge types, 874584 nodes, 4545522 edges",
        "80 batches with 40729 genes",
    )
    sizes = re.search(r"largest batch: (\d+) nodes, (\d+) edges", output)
    budget = re.search(r"quantile 0.9: (\d+) nodes, (\d+) edges", output)
    assert int(budget[1]) < int(sizes[1]) and int(budget[2]) < int(sizes[2])
    shares = re.findall(r"trimmed ([\w ]+): ([\d.]+) counted, ([\d.]+) estimated", output)
    assert len(shares) == 7 + 30
    for name, counted, estimated in shares:
        assert counted == estimated, name
    assert any(float(counted) > 0 for _, counted, _ in shares)
    batches = re.search(r"(\d+) of them trimmed; estimated (\d+)", output)
    assert batches[1] == batches[2] != "0"
