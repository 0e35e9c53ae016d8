"""How the package is built: who imports whom, how long files are, and what loaders take."""

import ast
import inspect
import pathlib
import re

import pytest
from graphfeed.loaders import arguments as loader_arguments
from graphfeed.loaders.base import Loader
from graphfeed.loaders.padding import FixedSizeLoader

import graphfeed as gf

PACKAGE = pathlib.Path(gf.__file__).resolve().parent


def sources(package=PACKAGE):
    """{module: its source}, of a package and its folders."""
    found = {f"{package.name}._graphfeed": ""}  # the native module
    for path in package.rglob("*.py"):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = path.read_text()
    return found


def imports(modules):
    """{module: modules of the package that it imports}, inside functions too. What only type
    checkers import runs never and does not count."""
    graph = {}
    for module, text in modules.items():
        graph[module] = set()
        pending = [ast.parse(text)]
        while pending:
            node = pending.pop()
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                pending += node.orelse
            elif isinstance(node, ast.Import):
                graph[module] |= {alias.name for alias in node.names if alias.name in modules}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{module} imports relatively"
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    graph[module] |= {inner if inner in modules else node.module} & modules.keys()
            else:
                pending += ast.iter_child_nodes(node)
    return graph


def circle(graph):
    """A list of modules each of which imports the next, the last one the first; None without."""
    done, path = set(), []

    def visit(module):
        if module in path:
            return path[path.index(module) :]
        if module in done:
            return None
        path.append(module)
        for target in sorted(graph[module]):
            found = visit(target)
            if found:
                return found
        done.add(path.pop())
        return None

    return next(filter(None, map(visit, sorted(graph))), None)


def test_modules_do_not_import_in_circles():
    graph = imports(sources())
    assert len(graph) > 20 and "graphfeed.dataset" in graph["graphfeed.client"]
    assert circle(graph) is None


def test_circles_inside_functions_are_found():
    modules = {
        "p": "from p.a import f",
        "p.a": "from p import b",
        "p.b": "def g():\n    from p.c import h",
        "p.c": "if True:\n    import p.a\nif TYPE_CHECKING:\n    import p",
    }
    graph = imports(modules)
    assert graph == {"p": {"p.a"}, "p.a": {"p.b"}, "p.b": {"p.c"}, "p.c": {"p.a"}}
    assert circle(graph) == ["p.a", "p.b", "p.c"]
    graph["p.c"] = set()
    assert circle(graph) is None


def test_nothing_looks_below_the_layer_that_it_is_made_of():
    graph = imports(sources())
    for module, targets in graph.items():
        if module.startswith("graphfeed.ingest"):
            assert not any(target.startswith("graphfeed.loaders") for target in targets)
        of_workers = f"{module}.".startswith("graphfeed.worker.")
        of_demo = module == "graphfeed.__main__" or module.startswith("graphfeed.demo.")
        above = module == "graphfeed" or of_workers or of_demo
        if not above and not module.startswith("graphfeed.loaders"):
            assert not any(target.startswith("graphfeed.loaders") for target in targets), module
        if not above:
            assert not any(target.startswith("graphfeed.worker.") for target in targets), module


def test_one_module_chooses_the_client_and_one_knows_grpc():
    """What differs between the clients lies under one interface."""
    modules = sources()
    native, portable = "graphfeed._graphfeed", "graphfeed._portable"
    graph = imports(modules)
    of_client = {module for module in modules if f"{module}.".startswith(f"{portable}.")}
    assert len(of_client) > 20
    for module, targets in graph.items():
        if module in of_client:
            assert targets <= of_client | {"graphfeed.errors", "graphfeed._finalizing"}, module
        else:  # by their names, where they are chosen
            assert not targets & {native, *of_client}, module
    naming = {module for module, text in modules.items() if portable in text} - of_client
    assert naming == {"graphfeed._transport"}
    assert {module for module, text in modules.items() if re.search(r"^ *import grpc", text, re.M)} == {
        f"{portable}.channels"
    }


def test_files_are_short():
    long = {name: text.count("\n") for name, text in sources().items() if text.count("\n") > 400}
    assert not long


THEIRS = {"to_data_list"}  # of PyG's batches, which the guide's table has

LOADERS = [
    gf.DataLoader,
    gf.FixedSizeDataLoader,
    gf.NeighborLoader,
    gf.FixedSizeNeighborLoader,
    gf.LinkNeighborLoader,
    gf.FixedSizeLinkNeighborLoader,
    gf.ClusterLoader,
    gf.FixedSizeClusterLoader,
]

# What may be given by position, in order, as in PyG and PopTorch Geometric.
POSITIONAL = {
    "DataLoader": "dataset batch_size shuffle follow_batch exclude_keys",
    "FixedSizeDataLoader": "dataset batch_size shuffle fixed_size_options fixed_size_strategy "
    "over_size_strategy add_pad_masks follow_batch exclude_keys options",
    "NeighborLoader": "dataset num_neighbors input_nodes input_time",
    "FixedSizeNeighborLoader": "dataset num_neighbors input_nodes input_time",
    "LinkNeighborLoader": "dataset num_neighbors edge_label_index edge_label edge_label_time",
    "FixedSizeLinkNeighborLoader": "dataset num_neighbors edge_label_index edge_label "
    "edge_label_time",
    "ClusterLoader": "dataset num_parts",
    "FixedSizeClusterLoader": "dataset num_parts fixed_size_options",
}


@pytest.mark.parametrize("loader", LOADERS)
def test_positional_arguments_keep_their_order(loader):
    parameters = inspect.signature(loader).parameters.values()
    names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert names == POSITIONAL[loader.__name__].split()


@pytest.mark.parametrize("padded", [c for c in LOADERS if issubclass(c, FixedSizeLoader)])
def test_a_padded_loader_takes_what_the_plain_one_takes(padded):
    plain = getattr(gf, padded.__name__.removeprefix("FixedSize"))
    ours, theirs = inspect.signature(padded).parameters, inspect.signature(plain).parameters
    assert theirs.keys() - {"torch_arguments"} <= ours.keys()
    if plain is not gf.DataLoader:
        assert issubclass(padded, plain)
        for name in theirs.keys() - {"arguments"}:
            assert ours[name].default == theirs[name].default, name


@pytest.mark.parametrize("loader", LOADERS)
def test_the_order_of_bases_does_not_matter(loader):
    """A padded loader's bases define nothing twice: what a loader does is in its parts."""
    defined = {
        base: {name for name in vars(base) if not name.startswith("__")}
        for base in loader.__mro__
        if base not in (object, loader) and base.__module__.startswith("graphfeed")
    }
    if FixedSizeLoader not in defined:
        return
    others = set().union(*(names for base, names in defined.items() if base is not FixedSizeLoader))
    assert not (defined[FixedSizeLoader] - {"_abc_impl"}) & others
    assert "__init__" not in vars(FixedSizeLoader)
    assert issubclass(loader, Loader)


@pytest.mark.parametrize("loader", LOADERS)
def test_every_argument_has_a_type(loader):
    """So that a type checker knows `shufle=True` to be an error, as it is when it runs."""
    for parameter in inspect.signature(loader).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments = getattr(loader_arguments, parameter.annotation[len("Unpack[") : -1])
            assert parameter.annotation.startswith("Unpack[")
            assert "prefetch_factor" in arguments.__annotations__
        else:
            assert parameter.annotation is not parameter.empty, parameter.name


def test_the_guide_names_what_there_is():
    text = (PACKAGE.parent / "README.md").read_text()
    names = set(re.findall(r"\bgf\.(\w+)", text))
    assert len(names) > 20 and "make_exclude_keys" in names
    assert [name for name in sorted(names) if not hasattr(gf, name)] == []
    for kind, member in re.findall(r"\b(batch|dataset|loader|client)\.(\w+)\(", text):
        owner = {"batch": gf.Batch, "dataset": gf.Dataset, "loader": gf.Loader,
                 "client": gf.Client}[kind]  # fmt: skip
        assert hasattr(owner, member) or member in THEIRS, f"{kind}.{member}"
