"""Arrays stay what they were, however long they are held and whatever arrives meanwhile."""

import gc

import numpy as np
import pytest

import graphfeed as gf


@pytest.fixture(scope="module")
def numbered(client):
    """Graphs that are told apart by every value in them."""
    graphs = [
        {
            "x": np.full((4, 50), float(i), np.float32),
            "edge_index": np.array([[0, 1, 2], [1, 2, 3]]),
            "y": np.array([i]),
        }
        for i in range(200)
    ]
    client.ingest("numbered", graphs)
    return client.dataset("numbered")


def loader_of(dataset, **arguments):
    return gf.FixedSizeDataLoader(dataset, batch_size=5, **arguments)


def assert_intact(batch, ordinal):
    ids = range(4 * ordinal, 4 * ordinal + 4)
    assert batch.y[batch.graphs_mask].tolist() == list(ids)
    np.testing.assert_array_equal(
        batch.x[batch.nodes_mask][:, 0], np.repeat(np.array(ids, np.float32), 4)
    )


def test_two_batches_held_while_iterating_on(numbered):
    batches = iter(loader_of(numbered))
    first, second = next(batches), next(batches)
    held = [(batch, {k: v.copy() for k, v in batch.items()}) for batch in (first, second)]
    count = 2
    for batch in batches:
        assert_intact(batch, count)
        count += 1
    assert count == 50
    for ordinal, (batch, copies) in enumerate(held):
        assert_intact(batch, ordinal)
        for name, copied in copies.items():
            np.testing.assert_array_equal(batch[name], copied)


def test_list_of_a_loader(numbered):
    loader = loader_of(numbered)
    batches = list(loader)
    assert len(batches) == len(loader) == 50
    list(loader)  # another epoch over the same buffers
    for ordinal, batch in enumerate(batches):
        assert_intact(batch, ordinal)


def test_views_outlive_batch_loader_and_stream(numbered):
    def some_views():
        batches = iter(loader_of(numbered))
        batch = next(batches)
        return batch.x, batch.y, batch.edge_index[0]

    x, y, sources = some_views()
    gc.collect()
    expected = (x.copy(), y.copy(), sources.copy())
    for _ in range(3):
        list(loader_of(numbered))
    for view, copied in zip((x, y, sources), expected):
        np.testing.assert_array_equal(view, copied)


def test_a_view_alone_keeps_its_buffer(numbered):
    kept = []
    for batch in loader_of(numbered):
        kept.append(batch.y[:1])  # the batch and its other arrays are gone after this
    assert [int(view[0]) for view in kept] == list(range(0, 200, 4))


def test_views_are_aligned_writable_and_not_copied(numbered):
    batch = next(iter(loader_of(numbered)))
    for name, array in batch.items():
        assert array.ctypes.data % 64 == 0, name
        assert array.flags.writeable and not array.flags.owndata, name
        assert batch[name] is array, "made once"
    batch.x[:] = -1
    assert (batch.torch().x == -1).all()


def test_writing_to_a_batch_does_not_show_in_later_ones(numbered):
    loader = loader_of(numbered)
    for batch in loader:
        for _, array in batch.items():
            array.fill(7)
    for ordinal, batch in enumerate(loader):
        assert_intact(batch, ordinal)


def test_torch_tensors_keep_their_memory(numbered):
    torch = pytest.importorskip("torch")
    tensors = [batch.torch().x for batch in loader_of(numbered)]
    gc.collect()
    list(loader_of(numbered))
    for ordinal, x in enumerate(tensors):
        assert x[0, 0] == 4 * ordinal
        assert isinstance(x, torch.Tensor)


def test_dlpack_shares_memory(numbered):
    torch = pytest.importorskip("torch")
    batch = next(iter(loader_of(numbered)))
    assert torch.from_dlpack(batch.x).data_ptr() == batch.x.ctypes.data
    assert np.from_dlpack(batch.y).ctypes.data == batch.y.ctypes.data
