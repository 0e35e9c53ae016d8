"""Objects compared with Kubernetes' types: each becomes a constant of its type in TypeScript, whose
compiler finds fields that there are not, values of the wrong type and words that are none of those
allowed."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess

from tools import HERE, tools

OPTIONS = {
    "strict": True, "noEmit": True, "skipLibCheck": True, "target": "es2022", "module": "esnext",
    "moduleResolution": "bundler", "types": [],
}  # fmt: skip

# No types of these are published: files of this folder.
OURS = {"graphcore.ai/v1alpha1": "ipujob", "ceph.rook.io/v1": "rook"}


def _module(api_version: str, kind: str) -> str:
    if file := OURS.get(api_version):
        return f"./{file}"
    package = "kubernetes-models"
    if api_version.startswith("monitoring.coreos.com/"):
        package = "@kubernetes-models/prometheus-operator"
    return f"{package}/{api_version}/{kind}"


def _source(found: list[dict]) -> str:
    kinds = sorted({(o["apiVersion"], o["kind"]) for o in found})
    lines = [f'import {{ I{kind} }} from "{_module(version, kind)}";' for version, kind in kinds]
    for number, value in enumerate(found):
        lines.append(f"const object{number}: I{value['kind']} = {json.dumps(value, indent=1)};")
    lines.append("export {};")
    return "\n".join(lines) + "\n"


def errors(files: dict[str, list[dict]], folder: pathlib.Path) -> list[str]:
    """What the compiler says of the objects, by name of the set, each with the line it means; `folder`
    is written to."""
    for name, found in files.items():
        (folder / f"{name}.ts").write_text(_source(found))
    for name in OURS.values():
        shutil.copy(HERE / f"{name}.ts", folder)
    (folder / "node_modules").symlink_to(tools().folder / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": OPTIONS, "files": [f"{name}.ts" for name in files]}))
    done = subprocess.run([*tools().tsc, "--project", folder / "tsconfig.json", "--pretty", "false"],
                          cwd=folder, capture_output=True, text=True, timeout=120)
    result = []
    for line in done.stdout.splitlines():
        if at := re.match(r"(\S+?)\((\d+),\d+\): error", line):
            source = (folder / at[1]).read_text().splitlines()
            line += f" [{source[int(at[2]) - 1].strip()}]"
        result.append(line)
    assert bool(result) == (done.returncode != 0), done.stdout + done.stderr
    return result
