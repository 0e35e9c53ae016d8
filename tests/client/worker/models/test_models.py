"""The worker's models: padding changes nothing, nothing masked reaches a gradient, files describe
themselves."""

import json
import pathlib
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

MODELS = pathlib.Path(__file__).resolve().parents[4] / "client" / "worker" / "models"
sys.path.insert(0, str(MODELS))
import export  # noqa: E402
import layers  # noqa: E402
from graph_models import GcnForGraphs, Gin, GraphTask  # noqa: E402
from hetero_models import IMDB_EDGE_TYPES, imdb_hgt, imdb_sage_gat  # noqa: E402
from node_models import GcnForNodes  # noqa: E402

torch.set_num_threads(1)

SIZES = {"movie": 7, "director": 3, "actor": 5}
CHANNELS = {"movie": 6, "director": 4, "actor": 5}
TASKS = {"classes": lambda: GraphTask(3), "number": lambda: GraphTask(0, target=1, mean=2.0, std=3.0)}


def small_graphs(padding: int, task: str, real: bool = True) -> dict:
    """A batch of three graphs (or none) with loops, and `padding` nodes, edges and graphs more,
    whose values are anything; what is real does not depend on `padding`."""
    random = torch.Generator().manual_seed(5)
    sizes = [4, 1, 6] if real else []
    x = torch.randn(sum(sizes), 5, generator=random)
    first = torch.tensor([0, 4, 5])[: len(sizes)]
    ring = [[i, (i + 1) % n] for n in sizes for i in range(n)]
    ring = torch.tensor(ring, dtype=torch.long).reshape(-1, 2).T
    ring = ring + torch.repeat_interleave(first, torch.tensor(sizes, dtype=torch.long))
    loops = torch.arange(len(x)).repeat(2, 1)
    edge_index = torch.cat([ring, ring.flip(0), loops], dim=1)
    edge_attr = torch.randn(edge_index.shape[1], 2, generator=random)
    batch = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes, dtype=torch.long))
    y = torch.tensor([2, 0, 1])[: len(sizes)]
    junk_label = torch.tensor(12345)
    if task == "number":
        y = torch.randn(len(sizes), 2, generator=random)
        y[1:2, 1] = float("nan")  # real, and not known
        junk_label = torch.tensor([[0.0, float("nan")]])
    if padding == 0:
        return dict(x=x, edge_index=edge_index, edge_attr=edge_attr, batch=batch, y=y,
                    graphs_mask=torch.ones(len(sizes), dtype=torch.bool))  # fmt: skip
    return dict(
        x=torch.cat([x, 1e3 * torch.randn(padding, 5)]),
        edge_index=torch.cat([edge_index, torch.full((2, padding), len(x))], dim=1),
        edge_attr=torch.cat([edge_attr, 1e3 * torch.randn(padding, 2)]),
        batch=torch.cat([batch, torch.full((padding,), len(sizes))]),
        y=torch.cat([y, junk_label.expand(padding, *y.shape[1:])]),
        graphs_mask=torch.arange(len(sizes) + padding) < len(sizes),
    )


def one_graph(padding: int, sampled: bool, real: bool = True) -> dict:
    random = torch.Generator().manual_seed(6)
    num_nodes = 8 if real else 0
    x = torch.randn(num_nodes, 5, generator=random)
    edges = torch.randint(0, max(num_nodes, 1), (2, 20 if real else 0), generator=random)
    loops = torch.arange(num_nodes).repeat(2, 1)
    edge_index = torch.cat([edges, loops, torch.full((2, padding), num_nodes)], dim=1)
    y = torch.cat([torch.arange(num_nodes) % 3, torch.full((padding,), -7)])
    mask = torch.cat([torch.arange(num_nodes) % 2 == 0, torch.zeros(padding, dtype=torch.bool)])
    tensors = dict(x=torch.cat([x, 1e3 * torch.randn(padding, 5)]), edge_index=edge_index, y=y)
    if sampled:
        input_id = torch.tensor([4, 9, 2] if real else [], dtype=torch.long)
        tensors["input_id"] = torch.cat([input_id, torch.full((padding,), -1)])
    else:
        tensors["train_mask"] = mask
    return tensors


def movies(padding: int, real: bool = True) -> dict:
    random = torch.Generator().manual_seed(7)
    sizes = SIZES if real else dict.fromkeys(SIZES, 0)
    tensors = {}
    for name, size in sizes.items():
        x = torch.randn(size, CHANNELS[name], generator=random)
        tensors[f"{name}__x"] = torch.cat([x, 1e3 * torch.randn(padding, CHANNELS[name])])
    for source, relation, target in IMDB_EDGE_TYPES:
        ends = [torch.randint(0, max(sizes[t], 1), (9 if real else 0,), generator=random)
                for t in (source, target)]  # fmt: skip
        pads = [torch.full((padding,), sizes[t]) for t in (source, target)]
        tensors[f"{source}__{relation}__{target}__edge_index"] = torch.stack(
            [torch.cat([end, pad]) for end, pad in zip(ends, pads)]
        )
    tensors["movie__y"] = torch.cat(
        [torch.arange(sizes["movie"]) % 3, torch.full((padding,), 99)]
    )
    seeds = torch.tensor([3, 1, 8] if real else [], dtype=torch.long)
    tensors["movie__input_id"] = torch.cat([seeds, torch.full((padding,), -1)])
    return tensors


# Name: (the model for batches of so many graphs, the batch with so much padding).
CASES: dict = {}
for task in TASKS:
    CASES[f"gcn-{task}"] = (
        lambda graphs, t=task: GcnForGraphs(5, 8, graphs, TASKS[t](), dropout=0.0),
        lambda padding, t=task, **real: without(small_graphs(padding, t, **real), "edge_attr"),
    )
    CASES[f"gin-{task}"] = (
        lambda graphs, t=task: Gin(5, 8, graphs, TASKS[t](), edge_channels=2, dropout=0.0),
        lambda padding, t=task, **real: small_graphs(padding, t, **real),
    )
CASES["gin-mean-without-edges"] = (
    lambda graphs: Gin(5, 8, graphs, GraphTask(3), dropout=0.0, pool="mean"),
    lambda padding, **real: without(small_graphs(padding, "classes", **real), "edge_attr"),
)
for sampled in (False, True):
    CASES[f"gcn-nodes-{'seeds' if sampled else 'mask'}"] = (
        lambda graphs: GcnForNodes(5, 8, 3, dropout=0.0),
        lambda padding, s=sampled, **real: one_graph(padding, s, **real),
    )
for make in (imdb_sage_gat, imdb_hgt):
    CASES[make.__name__] = (lambda graphs, m=make: m(CHANNELS, 8, dropout=0.0), movies)


def without(tensors: dict, name: str) -> dict:
    return {key: value for key, value in tensors.items() if key != name}


def num_graphs(tensors: dict) -> int:
    return len(tensors["graphs_mask"]) if "graphs_mask" in tensors else 0


def step(make, tensors: dict, compiled: bool = False):
    """(loss, rows of out, gradients by name) of a model with the same weights each time."""
    torch.manual_seed(1)
    model = make(num_graphs(tensors))
    run = torch.jit.script(model) if compiled else model
    result = run(**tensors)
    result["loss"].backward()
    gradients = {name: p.grad for name, p in run.named_parameters() if p.grad is not None}
    return result["loss"].detach(), result["out"].detach(), gradients


@pytest.mark.parametrize("name", CASES)
def test_more_padding_changes_neither_loss_nor_gradients(name):
    make, tensors = CASES[name]
    loss, out, gradients = step(make, tensors(0))
    assert loss > 0 and len(gradients) > 3
    assert any(gradient.abs().max() > 0 for gradient in gradients.values())
    for padding in (1, 13):
        torch.manual_seed(padding)
        padded_loss, padded_out, padded_gradients = step(make, tensors(padding))
        torch.testing.assert_close(padded_loss, loss)
        torch.testing.assert_close(padded_out[: len(out)], out)
        assert padded_gradients.keys() == gradients.keys()
        for parameter, gradient in gradients.items():
            torch.testing.assert_close(
                padded_gradients[parameter], gradient, rtol=1e-4, atol=1e-6, msg=parameter
            )


@pytest.mark.parametrize("name", CASES)
def test_a_null_batch_has_loss_and_gradients_of_zero(name):
    make, tensors = CASES[name]
    loss, out, gradients = step(make, tensors(4, real=False))
    assert loss == 0
    assert out.isfinite().all()
    for gradient in gradients.values():
        assert (gradient == 0).all()


@pytest.mark.parametrize("name", CASES)
def test_compiled_models_do_the_same(name):
    make, tensors = CASES[name]
    given = tensors(3)
    loss, out, gradients = step(make, given)
    compiled_loss, compiled_out, compiled_gradients = step(make, given, compiled=True)
    torch.testing.assert_close(compiled_loss, loss)
    torch.testing.assert_close(compiled_out, out)
    for parameter, gradient in gradients.items():
        torch.testing.assert_close(compiled_gradients[parameter], gradient)


@pytest.mark.parametrize("name", CASES)
def test_int32_indices_do(name):
    make, tensors = CASES[name]
    narrow = {key: value.int() if value.dtype == torch.int64 else value
              for key, value in tensors(3).items()}  # fmt: skip
    torch.testing.assert_close(step(make, narrow)[0], step(make, tensors(3))[0])


@pytest.mark.parametrize("name", CASES)
def test_files_describe_what_the_model_takes_and_gives(name, tmp_path):
    make, tensors = CASES[name]
    given = tensors(2)
    model = make(num_graphs(given))
    export.save(model, tmp_path / "model.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]
    extra = {"graphfeed.json": ""}
    loaded = torch.jit.load(str(tmp_path / "model.pt"), _extra_files=extra)
    described = json.loads(extra["graphfeed.json"])
    assert described["version"] == 1

    arguments = {a.name: a for a in loaded.forward.schema.arguments if a.name != "self"}
    inputs = {tensor["name"]: tensor for tensor in described["inputs"]}
    assert inputs.keys() <= arguments.keys()
    assert {n for n, a in arguments.items() if not a.has_default_value()} <= inputs.keys()
    for tensor in inputs.values():
        if tensor["optional"]:
            assert arguments[tensor["name"]].has_default_value()
        if tensor["name"] in given:
            value = given[tensor["name"]]
            assert str(value.dtype) == f"torch.{tensor['dtype']}"
            assert len(value.shape) == len(tensor["shape"])
            for extent, wanted in zip(value.shape, tensor["shape"]):
                assert wanted in (None, extent)
    for group in described.get("param_groups", []):
        assert any(n.startswith(group["prefix"]) for n, _ in loaded.named_parameters())

    # Without labels there is no loss; the rows of out are what it says.
    labels = ("y", "movie__y", "train_mask")
    loaded.eval()
    result = loaded(**{key: value for key, value in given.items() if key not in labels})
    assert result.keys() == {"out"}
    (output,) = described["outputs"]
    key = "graphs_mask" if output["axis"] == "graphs" else "__".join([output["store"], "x"]).lstrip("_")
    assert len(result["out"]) == len(given[key])
    assert "loss" in loaded(**given)


def test_a_number_is_told_in_its_own_unit():
    tensors = without(small_graphs(2, "number"), "edge_attr")
    torch.manual_seed(0)
    model = GcnForGraphs(5, 8, num_graphs(tensors), GraphTask(0, target=1, mean=2.0, std=3.0), 0.0)
    result = model(**tensors)
    known = torch.tensor([0, 2])  # the second graph's label is NaN
    error = (result["out"][known, 0] - tensors["y"][known, 1]) / 3.0
    torch.testing.assert_close(result["loss"], error.square().mean())


def test_dropout_is_for_training_only():
    tensors = small_graphs(2, "classes")
    model = Gin(5, 8, num_graphs(tensors), GraphTask(3), edge_channels=2, dropout=0.9)
    model.eval()
    torch.testing.assert_close(model(**tensors)["out"], model(**tensors)["out"])
    model.train()
    assert not torch.equal(model(**tensors)["out"], model(**tensors)["out"])


def test_a_softmax_adds_up_to_one_and_stands_large_scores():
    scores = torch.tensor([[1e4], [1e4], [-1e4], [3.0]], requires_grad=True)
    weights = layers.scatter_softmax(scores, torch.tensor([0, 0, 0, 2]), 4)
    torch.testing.assert_close(weights.detach(), torch.tensor([[0.5], [0.5], [0.0], [1.0]]))
    weights.square().sum().backward()
    assert scores.grad.isfinite().all()


def test_the_conv_is_that_of_the_dense_matrix():
    tensors = small_graphs(0, "classes")
    conv = layers.GcnConv(5, 4)
    ones = torch.ones(tensors["edge_index"].shape[1])
    dense = torch.zeros(11, 11).index_put(
        (tensors["edge_index"][1], tensors["edge_index"][0]), ones, accumulate=True
    )
    scale = dense.sum(dim=1).rsqrt()
    expected = scale[:, None] * dense * scale[None] @ (tensors["x"] @ conv.lin.weight.T)
    torch.testing.assert_close(conv(tensors["x"], tensors["edge_index"]), expected)


COMMANDS = {
    "gcn": ["--in-channels", "7", "--num-graphs", "10"],
    "gin": ["--in-channels", "7", "--num-graphs", "10", "--edge-channels", "4", "--num-classes", "0"],
    "gcn-nodes": ["--in-channels", "20"],
    "imdb-sage-gat": ["--in-channels", "20"],
    "imdb-hgt": ["--in-channels", "20"],
}


def test_every_model_is_a_command():
    help = subprocess.run([sys.executable, MODELS / "export.py", "--help"], capture_output=True,
                          text=True, check=True).stdout  # fmt: skip
    assert all(name in help for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_write_files_and_the_seed_decides_the_weights(name, tmp_path, capsys):
    weights = []
    for run, seed in enumerate((3, 3, 4)):
        path = str(tmp_path / f"{run}.pt")
        export.main([name, "--out", path, "--seed", str(seed), *COMMANDS[name]])
        loaded = torch.jit.load(path)
        weights.append(torch.cat([p.detach().flatten() for p in loaded.parameters()]))
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert f"{len(weights[0])} parameters" in capsys.readouterr().out


def test_options_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="pool is 'max'"):
        Gin(5, 8, 4, GraphTask(2), pool="max")
    with pytest.raises(ValueError, match="std 0"):
        GraphTask(0, std=0.0)
    with pytest.raises(ValueError, match="no multiple of heads"):
        imdb_hgt(CHANNELS, 9, heads=2)


def test_missing_edge_features_are_an_error():
    tensors = without(small_graphs(2, "classes"), "edge_attr")
    model = Gin(5, 8, num_graphs(tensors), GraphTask(3), edge_channels=2)
    with pytest.raises(AssertionError, match="edge_attr is missing"):
        model(**tensors)
