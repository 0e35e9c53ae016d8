"""What notebooks show of datasets, plans and batches, and PyG's and torch's habits there."""

import sys
import types
import warnings
from html.parser import HTMLParser

import numpy as np
import pytest
from graphfeed.ingest.progress import Progress

import graphfeed as gf

NASTY = "<script>alert('x')</script>&\""
EVIL = "a<b"


class Text(HTMLParser):
    """The tags and the text of a fragment, which must be closed properly."""

    def __init__(self, fragment):
        super().__init__()
        self.tags, self.texts, self._open = set(), [], []
        self.feed(fragment)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag != "br":
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def __contains__(self, text):
        return text in "\n".join(self.texts)


TAGS = {"div", "strong", "br", "table", "thead", "tbody", "tr", "th", "td"}


def shown(value):
    text = Text(value._repr_html_())
    assert text.tags <= TAGS
    return text


@pytest.fixture
def dataset(ingest):
    return ingest(
        {
            "x": np.full((i + 2, 3), i, np.float32),
            "edge_index": np.zeros((2, i + 1), np.int64),
            EVIL: np.array([i]),
        }
        for i in range(20)
    )


@pytest.fixture
def typed(ingest):
    return ingest(
        {
            NASTY: {"x": np.ones((3, 2), np.float32)},
            "b": {"x": np.ones((2, 1), np.float32)},
            (NASTY, "to", "b"): {"edge_index": np.array([[0, 1], [1, 1]])},
        }
        for _ in range(4)
    )


def test_datasets_show_sizes_and_columns(dataset):
    text = shown(dataset)
    assert dataset.info.full_name in text and str(dataset.info.fingerprint) in text
    assert "graphs: 20" in text and "nodes: 230" in text and "edges: 210" in text
    assert EVIL in text and "float32" in text and "0 to 19" in text
    assert "graphs: 5 of 20" in shown(dataset[:5])


def test_nothing_of_a_dataset_is_markup(typed):
    assert NASTY in shown(typed)
    loader = gf.FixedSizeDataLoader(typed, batch_size=3)
    for value in (typed, loader.peek(), typed[0], loader.plan(0), typed.summary()):
        if hasattr(value, "_repr_html_"):
            assert "<script" not in value._repr_html_()
    assert f"nodes of {NASTY}: 12" in shown(typed)
    assert f"{NASTY}, to, b" in shown(loader.peek())
    assert NASTY in shown(gf.Summary(NASTY, 1, *[gf.Stats(1, 0, 1, 1, 1, 1, 1)] * 2))


def test_batches_show_tensors_and_what_is_real(dataset):
    loader = gf.FixedSizeDataLoader(dataset, batch_size=5)
    batch = next(iter(loader))
    text = shown(batch)
    assert f"real graphs: {batch.counts[0].graphs} of 5" in text
    assert str(list(batch.x.shape)) in text and EVIL in text
    assert "torch.float32" in shown(batch.torch())
    ragged = shown(next(iter(gf.DataLoader(dataset, batch_size=5))))
    assert "real graphs: 5" in ragged and "of 5" not in ragged
    two = next(iter(gf.FixedSizeDataLoader(dataset, batch_size=5, micro_batches=2)))
    assert "real graphs: 4 of 5, 4 of 5" in shown(two)


def test_plans_show_batches_and_efficiency(dataset):
    loader = gf.FixedSizeDataLoader(dataset, batch_size=5, fixed_size_strategy="Pack")
    plan = loader.plan(0)
    text = shown(plan)
    assert f"batches: {plan.num_batches}" in text and f"{plan.node_efficiency:.2%}" in text
    best = gf.compare_strategies(dataset, num_nodes=64)
    text = shown(best)
    assert f"{best.recommended.name} (recommended)" in text and "PadToMax" in text
    refused = gf.compare_strategies(dataset, gf.FixedSizeOptions(num_nodes=4, num_edges=99))
    assert "graph" in shown(refused)


@pytest.fixture
def pyplot(monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_plans_are_drawn_as_bars(dataset, pyplot):
    plan = gf.FixedSizeDataLoader(dataset, batch_size=5, fixed_size_strategy="Pack").plan(0)
    axes = plan.plot()
    bars = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in axes.patches}
    assert {held: n for held, n in bars.items() if n} == {
        held: n for held, n in enumerate(plan.graphs_per_batch) if n
    }
    assert f"{plan.num_batches} batches" in axes.get_title()
    assert "%" in axes.get_title()
    mine = pyplot.figure().add_subplot()
    assert plan.plot(mine) is mine and mine.patches
    axes.figure.canvas.draw()


def test_plans_of_sampled_batches_are_of_seeds(ingest, pyplot):
    ring = np.arange(12)
    single = ingest({"x": np.ones((12, 1), np.float32),
                     "edge_index": np.stack([ring, np.roll(ring, 1)])})
    plan = gf.NeighborLoader(single, [2], batch_size=5).plan(0)
    axes = plan.plot()
    assert axes.get_xlabel() == "seeds in a batch" and "%" not in axes.get_title()
    assert "not known" in shown(plan)


def test_summaries_are_drawn_as_boxes(dataset, pyplot):
    summary = dataset.summary()
    axes = summary.plot()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["edges", "nodes"]
    ends = {x for line in axes.lines for x in line.get_xdata()}
    for stats in (summary.num_nodes, summary.num_edges):
        assert {stats.min, stats.max, stats.median, stats.mean} <= ends
    assert "20 graphs" in axes.get_title()
    axes.figure.canvas.draw()
    one = dataset[:1].summary().plot()
    assert "1 graph" in one.get_title()


def test_without_torch_it_is_named(dataset, monkeypatch):
    batch = gf.FixedSizeDataLoader(dataset, batch_size=5).peek()
    monkeypatch.setitem(sys.modules, "torch", None)
    for call in (batch.torch, batch.pin_memory, dataset[0].to_pyg, lambda: batch.to("cpu")):
        with pytest.raises(ImportError, match="needs torch.*Debian: python3-torch"):
            call()


def test_without_matplotlib_it_is_named(dataset, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="package matplotlib; Debian: python3-matplotlib"):
        dataset.summary().plot()


def test_a_dataset_is_a_list_of_pyg_graphs(dataset, typed, monkeypatch):
    pytest.importorskip("torch")
    import fake_pyg

    module = fake_pyg.install(monkeypatch)
    graphs = dataset[3:6].to_pyg()
    assert [type(graph) for graph in graphs] == [module.Data] * 3
    assert [graph.num_nodes for graph in graphs] == [5, 6, 7]
    assert graphs[0].x.tolist() == [[3.0] * 3] * 5
    hetero = typed.to_pyg()
    assert len(hetero) == 4 and isinstance(hetero[0], module.HeteroData)
    assert hetero[0]["b"].x.shape == (2, 1)
    assert dataset[:0].to_pyg() == []


def test_memory_is_pinned_where_there_is_cuda(dataset, monkeypatch):
    torch = pytest.importorskip("torch")
    batch = next(iter(gf.FixedSizeDataLoader(dataset, batch_size=5)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.warns(UserWarning, match="no CUDA device"):
        as_it_is = batch.pin_memory()
    assert torch.equal(as_it_is.x, torch.from_numpy(batch.x))

    pinned = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.Tensor, "pin_memory",
                        lambda self: pinned.append(self.shape) or self.clone())
    locked = batch.pin_memory()
    assert len(pinned) == len(batch.keys())  # all of them, before anybody asks
    assert torch.equal(locked.x, as_it_is.x) and locked.position == batch.position
    assert locked.to("cpu").x is not None and len(pinned) == len(batch.keys())


def test_torchs_loader_pins_batches_by_their_method(dataset, monkeypatch):
    torch = pytest.importorskip("torch")
    pin = torch.utils.data._utils.pin_memory.pin_memory
    batch = gf.FixedSizeDataLoader(dataset, batch_size=5).peek()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self.clone())
    found = pin(batch)
    assert isinstance(found, gf.Batch) and torch.is_tensor(found.x)


class Notebook:
    """As much of IPython as says that this is a notebook's kernel."""

    def __init__(self, monkeypatch):
        shell = type("ZMQInteractiveShell", (), {})()
        module = types.SimpleNamespace(get_ipython=lambda: shell)
        monkeypatch.setitem(sys.modules, "IPython", module)


class Bars(list):
    """Stands for tqdm.auto."""

    def tqdm(self, **arguments):
        bar = types.SimpleNamespace(done=0, closed=False, **arguments)
        bar.update = lambda count: setattr(bar, "done", bar.done + count)
        bar.close = lambda: setattr(bar, "closed", True)
        self.append(bar)
        return bar


def test_notebooks_have_bars_of_tqdm(dataset, client, monkeypatch, capsys):
    Notebook(monkeypatch)
    bars = Bars()
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", bars)
    client.ingest("in-a-notebook", gf.Collection(
        nodes={"x": np.ones((6, 1), np.float32)}, edges={"edge_index": np.zeros((2, 0), np.int64)},
        node_ptr=[0, 2, 4, 6], edge_ptr=[0, 0, 0, 0]))
    (bar,) = bars
    assert (bar.done, bar.total, bar.closed) == (3, 3, True)
    assert "in-a-notebook" in bar.desc
    assert capsys.readouterr().err == ""
    with Progress("quiet", 3, False) as progress:
        progress.add(3)
    assert len(bars) == 1


def test_notebooks_without_tqdm_have_bars_of_text(monkeypatch, capsys):
    Notebook(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with Progress("sending", 4, None) as bar:
        bar.add(4)
    assert "sending: 100% |" in capsys.readouterr().err


def test_the_real_tqdm_takes_it(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    Notebook(monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Progress("sending", 4, None) as bar:
            bar.add(4)
    assert "sending: 100%" in capsys.readouterr().err
