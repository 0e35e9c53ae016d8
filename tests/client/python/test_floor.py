"""The package runs with Python 3.8 and numpy 1.17: neither syntax nor library calls of later ones."""

import ast
import pathlib

import pytest

import graphfeed as gf

PACKAGE = pathlib.Path(gf.__file__).resolve().parent

# Methods and functions that came after Python 3.8 and numpy 1.17, by their last name.
LATER = {
    "removeprefix", "removesuffix", "bit_count", "pairwise", "batched", "lcm", "cache", "randbytes",
    "is_relative_to", "with_stem", "hardlink_to", "waitstatus_to_exitcode", "BooleanOptionalAction",
    "to_thread", "aclosing", "file_digest", "UTC", "StrEnum", "Unpack", "Self", "TypeAlias",
    "ParamSpec", "Required", "NotRequired", "LiteralString", "TypeGuard", "Annotated", "assert_never",
    "UnionType", "NoneType", "ExceptionGroup", "BaseExceptionGroup", "anext", "aiter", "unparse",
    "get_annotations", "cbrt", "exp2", "getencoding", "process_cpu_count",
    # numpy
    "sliding_window_view", "broadcast_shapes", "from_dlpack", "permuted", "exceptions", "vecdot",
    "concat", "unique_values", "unstack", "trapezoid", "cumulative_sum",
}  # fmt: skip
# Keywords of calls that came later: zip(strict=), dataclass(slots=, kw_only=), bisect(key=),
# np.quantile(method=).
LATER_KEYWORDS = {"strict", "slots", "kw_only", "method"}
# What cannot be subscripted at run time before 3.9.
GENERIC = {"tuple", "list", "dict", "set", "frozenset", "type"}
GENERIC_MODULES = ("collections", "weakref", "queue", "functools", "os", "re", "contextlib")


def is_type_checking(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def too_new(text):
    """What of a module needs a later Python or numpy: a list of texts."""
    try:
        tree = ast.parse(text, feature_version=(3, 8))
    except SyntaxError as error:
        return [f"{error.lineno}: {error.msg}"]
    found, postponed, generic = [], False, set(GENERIC)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names = {alias.asname or alias.name for alias in node.names}
            postponed = postponed or (node.module == "__future__" and "annotations" in names)
            if (node.module or "").split(".")[0] in GENERIC_MODULES:
                generic |= names
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if is_type_checking(node):
            pending += node.orelse
            continue
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns") and value is not None:
                if not postponed:
                    pending.append(value)
            else:
                pending += [v for v in (value if isinstance(value, list) else [value])
                            if isinstance(v, ast.AST)]  # fmt: skip
        at = f"{getattr(node, 'lineno', '')}: "
        if isinstance(node, ast.Attribute) and node.attr in LATER:
            found.append(at + node.attr)
        if isinstance(node, ast.Attribute) and node.attr == "add_note":
            found.append(at + node.attr)
        if isinstance(node, ast.ImportFrom):
            found += [at + alias.name for alias in node.names
                      if alias.name in LATER and not node.module.startswith("graphfeed")]  # fmt: skip
        if isinstance(node, ast.Call):
            found += [at + k.arg for k in node.keywords if k.arg in LATER_KEYWORDS]
        if isinstance(node, ast.Subscript) and isinstance(node.value, (ast.Name, ast.Attribute)):
            name = ast.unparse(node.value)
            # Of a class, not of an object: what is between the brackets names types.
            if name in generic or name.split(".")[0] in ("collections", "weakref"):
                found.append(at + ast.unparse(node))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            sides = [type(side) for side in (node.left, node.right)]
            texts = [ast.unparse(side) for side in (node.left, node.right)]
            if ast.Dict in sides or ast.DictComp in sides or "None" in texts or {"str", "int"} & {*texts}:
                found.append(at + ast.unparse(node))
    return found


def test_the_package_runs_with_the_oldest_python():
    paths = list(PACKAGE.rglob("*.py"))
    assert len(paths) > 50
    found = {str(path.relative_to(PACKAGE)): too_new(path.read_text()) for path in paths}
    found["_text.py"] = [text for text in found["_text.py"] if "add_note" not in text]
    assert not {path: texts for path, texts in found.items() if texts}


@pytest.mark.parametrize(
    "text",
    [
        "match x:\n    case 1: pass",
        "with (open(a) as b, open(c) as d): pass",
        "Pair = tuple[int, int]",
        "def f(x: int | None): pass",
        "Maybe = str | None",
        "x = {} | {1: 2}",
        "name.removesuffix('.npy')",
        "from typing import Unpack",
        "zip(a, b, strict=True)",
        "@dataclass(slots=True)\nclass A: pass",
        "from collections.abc import Mapping\nclass A(Mapping[str, int]): pass",
        "from functools import cache",
        "import functools\n@functools.cache\ndef f(): pass",
        "import weakref\nx = weakref.WeakSet[int]()",
        "error.add_note('x')",
        "except_ = 1\ntry: pass\nexcept* ValueError: pass",
    ],
)
def test_what_is_newer_is_found(text):
    assert too_new(text)


@pytest.mark.parametrize(
    "text",
    [
        "from __future__ import annotations\ndef f(x: int | None, *y: tuple[int, ...]) -> list[int]: pass",
        "from typing import Callable\nSend = Callable[[int], None]",
        "if TYPE_CHECKING:\n    from typing import Unpack",
        "x = (a < b) | (c > d)",
        "from graphfeed.readers import files",
    ],
)
def test_what_is_old_enough_is_not(text):
    assert not too_new(text)
