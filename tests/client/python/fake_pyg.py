"""As much of torch_geometric.data as the bridge touches, and PyG's way of taking batches apart:
attributes in stores, names with a leading "_" beside them, batches with slices and increments."""

import types

import torch


class Storage(dict):
    def __init__(self, key=None):
        super().__init__()
        self.__dict__["_key"] = key

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        if name.startswith("_"):
            self.__dict__[name] = value
        else:
            self[name] = value

    def count_nodes(self):
        if "num_nodes" in self:
            return self["num_nodes"]
        for name, value in self.items():
            if name in ("x", "feat", "pos", "batch", "node_type", "n_id") or "node" in name:
                return value.shape[0]
        return None


class Data:
    def __init__(self):
        self.__dict__["_store"] = Storage()

    @property
    def stores(self):
        return [self._store]

    def stores_as(self, other):
        return self

    @property
    def num_nodes(self):
        return self._store.count_nodes()

    def __setattr__(self, name, value):
        setattr(self._store, name, value)

    def __getattr__(self, name):
        return getattr(self.__dict__["_store"], name)

    def __getitem__(self, name):
        return self._store[name]

    def __setitem__(self, name, value):
        self._store[name] = value

    def __contains__(self, name):
        return name in self._store

    def keys(self):
        return list(self._store)


class HeteroData:
    def __init__(self):
        self.__dict__["_global_store"] = Storage()
        self.__dict__["_stores"] = {}

    @property
    def stores(self):
        return [self._global_store, *self._stores.values()]

    def stores_as(self, other):
        for key in other._stores:
            self[key]
        return self

    def __setattr__(self, name, value):
        setattr(self._global_store, name, value)

    def __getattr__(self, name):
        return getattr(self.__dict__["_global_store"], name)

    def __getitem__(self, key):
        if key in self._global_store:
            return self._global_store[key]
        return self._stores.setdefault(key, Storage(key))

    def __setitem__(self, name, value):
        self._global_store[name] = value

    def __contains__(self, key):
        return key in self._global_store

    def keys(self):
        return list(self._global_store)


class Batch:
    """Of a class that has Batch and the given base."""

    def __new__(cls, _base_cls=Data):
        return object.__new__(type(_base_cls.__name__ + "Batch", (Batch, _base_cls), {}))

    def __init__(self, _base_cls=Data):
        _base_cls.__init__(self)

    @property
    def num_graphs(self):
        return self._num_graphs

    def get_example(self, index):
        if not hasattr(self, "_slice_dict"):
            raise RuntimeError("Cannot reconstruct 'Data' object from 'Batch'")
        data = type(self).__bases__[-1]().stores_as(self)
        for whole, part in zip(self.stores, data.stores):
            of_type = whole._key is not None
            slices = self._slice_dict[whole._key] if of_type else self._slice_dict
            raised = self._inc_dict[whole._key] if of_type else self._inc_dict
            for name in [n for n in slices if of_type or n in whole]:
                dim = -1 if "index" in name or name == "face" else 0
                first, end = int(slices[name][index]), int(slices[name][index + 1])
                value = whole[name].narrow(dim, first, end - first)
                by = raised[name]
                if by.dim() > 1 or int(by[index]) != 0:
                    value = value - by[index]
                part[name] = value
            if hasattr(whole, "_num_nodes"):
                part.num_nodes = whole._num_nodes[index]
        return data

    def to_data_list(self):
        return [self.get_example(i) for i in range(self.num_graphs)]

    def __getitem__(self, key):
        return self.get_example(key) if isinstance(key, int) else super().__getitem__(key)


def install(monkeypatch):
    """Makes `import torch_geometric.data` find this module's classes, which are returned."""
    module = types.ModuleType("torch_geometric")
    module.data = types.ModuleType("torch_geometric.data")
    for kind in (Data, HeteroData, Batch):
        setattr(module.data, kind.__name__, kind)
    monkeypatch.setitem(__import__("sys").modules, "torch_geometric", module)
    monkeypatch.setitem(__import__("sys").modules, "torch_geometric.data", module.data)
    return module.data


def tensors_only(data):
    """Whether every key is one of a tensor."""
    return all(torch.is_tensor(value) for store in data.stores for value in store.values())
