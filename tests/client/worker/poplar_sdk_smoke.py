"""Compiles the popef executor against a real Poplar SDK, links a program with it and runs it.

Exits with 77 ("skipped", to ctest) where there is no SDK: POPLAR_SDK_DIR, or the environment that
the SDK's enable.sh sets. No device is needed, and none is touched.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile

PROJECT = pathlib.Path(__file__).resolve().parents[3]


def find_sdk() -> str | None:
    for name in ("POPLAR_SDK_DIR", "POPLAR_SDK_ENABLED"):
        folder = os.environ.get(name)
        if folder and pathlib.Path(folder).is_dir():
            return f"{name}={folder}"
    return None


def main() -> int:
    sdk = find_sdk()
    if sdk is None:
        print("SKIPPED: no Poplar SDK (POPLAR_SDK_DIR or POPLAR_SDK_ENABLED): the popef executor "
              "was compiled against the stand-in alone", file=sys.stderr)  # fmt: skip
        return 77
    print(f"Poplar SDK: {sdk}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as build:
        subprocess.run(
            ["cmake", "-S", PROJECT, "-B", build, "-G", "Ninja", "-DGRAPHFEED_WITH_POPLAR=ON",
             "-DGRAPHFEED_BENCHMARKS=OFF"],
            check=True,
        )  # fmt: skip
        subprocess.run(["cmake", "--build", build, "--target", "poplar_sdk_program"], check=True)
        program = pathlib.Path(build) / "tests/client/worker/poplar_sdk_program"
        done = subprocess.run([program], check=True, text=True, stdout=subprocess.PIPE)
    print(done.stdout, file=sys.stderr)
    return 0 if done.stdout.startswith("runtime ") else 1


if __name__ == "__main__":
    sys.exit(main())
