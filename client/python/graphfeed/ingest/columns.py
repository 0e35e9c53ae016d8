"""From the attributes of graphs, as users hold them, to rows of columns, as they travel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphfeed import _arguments, errors

DTYPES = "bool uint8 int8 int16 int32 int64 float16 float32 float64".split()

# PyTorch Geometric's rules: what tells the number of nodes and of edges, the first that is there.
_NODE_KEYS = ("x", "feat", "pos", "batch", "node_type", "n_id")
_EDGE_KEYS = ("edge_weight", "edge_attr", "edge_type", "e_id")


def concatenates_last(name: str, ndim: int) -> bool:
    """Whether graphs are put together along the last of several axes of this attribute."""
    return ndim > 1 and ("index" in name or name == "face")


@dataclass(frozen=True)
class Form:
    """What all graphs' values of one attribute have in common."""

    dtype: str  # numpy's name, or "string"
    row_shape: tuple[int, ...] = ()
    concat_last: bool = False
    zero_dim: bool = False
    non_tensor: bool = False

    def __str__(self) -> str:
        if self.dtype == "string":
            return "a string" if self.non_tensor else "strings"
        if self.non_tensor:
            return f"a plain number ({self.dtype})"
        if self.zero_dim:
            return f"a 0-dim {self.dtype} tensor"
        return f"{self.dtype} with rows of shape {list(self.row_shape)}"


@dataclass
class Rows:
    """One attribute of one graph: an array [rows, *row_shape], or a list of strings."""

    form: Form
    values: np.ndarray | list[str]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def says_form(self) -> bool:
        """An empty tensor says little about its dtype and nothing about its rows."""
        return len(self) > 0

    @property
    def nbytes(self) -> int:
        if isinstance(self.values, list):
            return sum(len(text) + 8 for text in self.values)
        return self.values.nbytes


def as_array(value: Any) -> np.ndarray:
    """A tensor or array as a numpy array of a dtype that can be stored. ValueError for others."""
    if isinstance(value, Mapping):
        raise ValueError("it is a dict; attributes are arrays, numbers or strings")
    if _is_sparse(value):
        raise ValueError("it is sparse; give a dense array, or edges as edge_index")
    if hasattr(value, "detach"):
        try:
            value = value.detach().cpu()
        except NotImplementedError as error:  # of the device "meta"
            raise ValueError(f"it has no data: {error}") from None
        try:
            value = value.numpy()
        except TypeError:  # bfloat16 and others that numpy does not have
            raise ValueError(_no_dtype(str(value.dtype).replace("torch.", ""))) from None
    array = np.asarray(value)
    _arguments.refuse_beyond_int64("it", array)
    if array.dtype.name not in DTYPES:
        kinds = sorted({type(item).__name__ for item in array.flat}) if array.dtype == object else []
        raise ValueError(_no_dtype(array.dtype, ", ".join(kinds)))
    return array


def _is_sparse(value: Any) -> bool:
    """Whether it is a sparse matrix of scipy, torch or torch_sparse."""
    if hasattr(value, "tocsr") or type(value).__name__ == "SparseTensor":
        return True
    return str(getattr(value, "layout", "torch.strided")).startswith("torch.sparse")


def _no_dtype(dtype: Any, kinds: str = "") -> str:
    hint = "convert it first" + (", bfloat16 to float32" if "bfloat16" in str(dtype) else "")
    if dtype == object:
        hint = f"it is no rectangular array of numbers; it holds {kinds}"
    return f"dtype {dtype} cannot be stored ({hint}); there are {DTYPES}"


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{text[:50]!r} cannot be written as UTF-8: {error.reason}") from None
    return text


def to_rows(name: str, value: Any) -> Rows:
    """The rows of an attribute. ValueError for what cannot be stored."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return Rows(Form("string", non_tensor=True), [_utf8(value)])
    if isinstance(value, bool):
        return Rows(Form("bool", non_tensor=True), np.array([value]))
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"{value} does not fit int64")
        return Rows(Form("int64", non_tensor=True), np.array([value], np.int64))
    if isinstance(value, float):
        return Rows(Form("float32", non_tensor=True), np.array([value], np.float32))
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(item, str) for item in value):
            return Rows(Form("string"), [_utf8(item) for item in value])
        array = as_array(value)
        # As torch.tensor makes of Python numbers.
        array = array.astype(np.float32) if array.dtype == np.float64 else array
    else:
        array = as_array(value)
    if array.ndim == 0:
        return Rows(Form(array.dtype.name, zero_dim=True), array.reshape(1))
    if name == "edge_index" and array.size == 0:
        array = np.zeros((2, 0), array.dtype if array.dtype.kind in "iu" else np.int64)
    last = concatenates_last(name, array.ndim)
    if last:
        array = np.moveaxis(array, -1, 0)
    return Rows(Form(array.dtype.name, array.shape[1:], last), array)


def wire_array(array: np.ndarray) -> np.ndarray:
    """Contiguous, row by row, little-endian."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def infer_num_nodes(columns: Mapping[str, Rows], kinds: Mapping[str, str]) -> int:
    """PyG's number of nodes where none is given: from a declared node attribute, a well-known name,
    a name with "node" in it, or the largest id in edge_index."""
    declared = _declared_size(columns, kinds, "node")
    if declared is not None:
        return declared
    size = _size_by_name(columns, _NODE_KEYS, "node")
    if size is not None:
        return size
    for name in ("edge_index", "face"):
        if name in columns:
            ids = columns[name].values
            return int(ids.max()) + 1 if len(ids) else 0
    raise ValueError('the number of nodes cannot be told; give it as "num_nodes"')


def infer_num_edges(columns: Mapping[str, Rows], kinds: Mapping[str, str]) -> int:
    """PyG's number of edges: likewise; 0 where nothing tells it."""
    declared = _declared_size(columns, kinds, "edge")
    if declared is not None:
        return declared
    if "edge_index" in columns:
        return len(columns["edge_index"])
    return _size_by_name(columns, _EDGE_KEYS, "edge") or 0


def _is_tensor(rows: Rows) -> bool:
    return not (rows.form.zero_dim or rows.form.non_tensor or rows.form.dtype == "string")


def _declared_size(
    columns: Mapping[str, Rows], kinds: Mapping[str, str], level: str
) -> int | None:
    for name, rows in columns.items():
        if kinds.get(name) == level and _is_tensor(rows):
            return len(rows)
    return None


def _size_by_name(columns: Mapping[str, Rows], keys: Sequence[str], part: str) -> int | None:
    for name, rows in columns.items():
        if name in keys and _is_tensor(rows):
            return len(rows)
    for name, rows in columns.items():
        if part in name and _is_tensor(rows):
            return len(rows)
    return None


def checked_kinds(kinds: Mapping[str, str] | None) -> dict[str, str]:
    for name, level in (kinds or {}).items():
        if level not in ("node", "edge", "graph"):
            raise errors.InvalidArgument(
                f"kinds[{name!r}] is {level!r}; it must be 'node', 'edge' or 'graph'"
            )
    return dict(kinds or {})
