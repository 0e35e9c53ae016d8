#!/usr/bin/env python3
"""The layers of docs/journey.md as a test: which folder may include which.

Link dependencies alone do not stop an include, so this reads every #include of the C++ sources.
Run without arguments from anywhere; exits 1 and lists the offending lines.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Folder -> folders it may include besides itself. The longest matching folder wins.
ALLOWED = {
    "storage/base": set(),
    "storage/graph": {"storage/base"},
    "storage/chunks": {"storage/base", "storage/graph"},
    "storage/manifest": {"storage/base", "storage/graph", "storage/chunks"},
    "storage/transforms": {"storage/base", "storage/graph"},
    "storage/importers": {"storage/base", "storage/graph"},
    "storage/ingest": {"storage/base", "storage/graph", "storage/chunks", "storage/manifest", "storage/transforms"},
    "storage": {"storage/base", "storage/graph", "storage/chunks", "storage/manifest", "storage/ingest"},
    "storage/partition": {"storage/base", "storage/graph", "storage"},
    "proto/frame": {"storage/base", "storage/graph"},
    "proto/wire": {"storage/base", "storage/graph", "proto/frame", "graphfeed/v1"},
    "proto/passage": {"storage/base"},
    "proto/exposition": {"storage/base"},
    "server/access": {"storage/base"},
    "server/batching": {"storage/base", "storage/graph", "proto/frame"},
    "server/sampling": {"storage/base", "storage/graph", "proto/frame", "server/batching"},
    "server/metrics": {"storage/base", "proto/exposition", "proto/frame"},
    "server/logging": {"storage/base"},
    "server/sharing": {"storage/base", "proto/frame", "proto/passage"},
    "server/serving": {
        "server/access",
        "storage/base", "storage/graph", "storage", "proto/frame", "proto/wire",
        "server/batching", "server/sampling", "server/metrics", "server/sharing",
        "server/logging",
    },
    "server/rpc": {
        "storage/base", "storage/graph", "storage/ingest", "storage/partition", "storage", "proto/frame", "proto/wire",
        "graphfeed/v1", "server/access", "server/batching", "server/metrics", "server/sharing", "server/serving",
        "server/logging",
    },
    "server": {
        "storage/base", "storage/graph", "storage/chunks", "storage", "proto/exposition", "proto/frame", "proto/passage", "proto/wire",
        "server/access", "server/metrics", "server/sharing", "server/serving", "server/rpc",
        "server/logging",
    },
    "client/cpp": {
        "storage/base", "storage/graph", "proto/frame", "proto/passage", "proto/wire", "graphfeed/v1",
    },
    "client/local": {
        "storage/base", "storage/graph", "storage/chunks", "storage", "proto/frame", "proto/wire", "graphfeed/v1",
        "server/metrics", "server/serving", "server/rpc", "server", "client/cpp",
    },
    "client/flags": {"storage/base", "storage/graph", "proto/frame", "client/cpp"},
    "client/cli": {
        "storage/base", "storage/graph", "storage/chunks", "storage/importers", "storage/partition", "storage/transforms",
        "storage", "proto/frame", "client/cpp", "client/flags", "client/local",
    },
    "client/worker": {"storage/base", "storage/graph", "proto/exposition", "proto/frame", "client/cpp", "client/flags"},
    "client/python": {"storage/base", "storage/graph", "proto/frame", "client/cpp", "client/local"},
}

# Libraries that only some files may see.
EXTERNAL = {
    "rocksdb/": lambda path: path.parent.as_posix() == "storage/chunks" and path.suffix == ".cc",
    "grpc": lambda path: path.parent.as_posix() in ("server", "server/rpc", "client/cpp/rpc"),
    "prometheus/": lambda path: path.parent.as_posix() in ("server/metrics", "client/worker") and path.suffix == ".cc",
    "spdlog/": lambda path: path.parent.as_posix() == "server/logging" and path.suffix == ".cc",
    "torch/": lambda path: path.name.startswith("torchscript_") and path.name != "torchscript_executor.h",
    "poplar/": lambda path: path.name.startswith("popef_") and path.suffix == ".cc",
    "popef/": lambda path: path.name.startswith("popef_") and path.suffix == ".cc",
    "pybind11/": lambda path: path.parts[:2] == ("client", "python"),
    "CLI/": lambda path: path.parts[:2] in (("client", "cli"), ("client", "flags")) or path.as_posix() in ("server/config.cc", "client/worker/config.cc"),
}

# The pure layers: values and arithmetic, no I/O and no protobuf.
PURE = ("storage/base", "storage/graph", "proto/frame", "server/batching", "server/sampling")
IMPURE_HEADERS = re.compile(r"^(google/protobuf|rocksdb|grpc|fstream|iostream|filesystem|unistd\.h|sys/(?!mman\.h))")


def folder_of(path: str) -> str:
    """The longest folder of the table that `path` lies in, or ''."""
    return max((f for f in ALLOWED if path.startswith(f + "/")), key=len, default="")


def check(path: pathlib.Path) -> list[str]:
    relative = path.relative_to(ROOT)
    folder = folder_of(relative.as_posix())
    if not folder:
        return [f"{relative}: lies in no folder of the layer table"]
    problems = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        quoted, header = match.group(1) == '"', match.group(2)
        where = f"{relative}:{number}: {folder} may not include {header}"
        target = "graphfeed/v1" if header.startswith("graphfeed/v1/") else folder_of(header)
        if target and target != folder and target not in ALLOWED[folder]:
            problems.append(where)
        if folder in PURE and IMPURE_HEADERS.match(header):
            problems.append(where + " (a pure layer)")
        for prefix, may in EXTERNAL.items():
            if header.startswith(prefix) and not may(relative):
                problems.append(where)
        if quoted and header.startswith((".", "/")):
            problems.append(f"{relative}:{number}: includes start at the project's root: {header}")
    return problems


def main() -> int:
    files = [
        path
        for top in ("storage", "proto", "server", "client")
        for path in sorted((ROOT / top).rglob("*"))
        if path.suffix in (".h", ".cc")
    ]
    if not files:
        print("layering_test: found no sources", file=sys.stderr)
        return 1
    problems = [problem for path in files for problem in check(path)]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(files)} files, {len(problems)} broken rules")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
