"""The way to recorded cases and real datasets.

As a program it says whether they are at hand, and exits with 77 ("skipped", to ctest) if not.
"""

from __future__ import annotations

import functools
import os
import pathlib
import sys
import warnings

_BESIDE_THE_PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent.parent / "shared"
FOLDER = pathlib.Path(os.environ.get("GRAPHFEED_SHARED_DIR", _BESIDE_THE_PROJECT))


@functools.cache
def shared_dir(part: str) -> pathlib.Path | None:
    """A folder of recorded cases ("golden") or datasets ("data"); None, with a warning, where it is
    absent."""
    if (FOLDER / part).is_dir():
        return FOLDER / part
    warnings.warn(
        f"{FOLDER / part} IS ABSENT, tests that need it are skipped: set GRAPHFEED_SHARED_DIR",
        stacklevel=3,
    )
    return None


def main() -> int:
    absent = [str(FOLDER / part) for part in ("golden", "data") if not (FOLDER / part).is_dir()]
    if not absent:
        return 0
    line = "*" * 80
    print(
        f"\n{line}\n{' and '.join(absent)} ABSENT:\nthe tests ran on generated data alone, without "
        f"recorded cases and real datasets.\nSet GRAPHFEED_SHARED_DIR to their folder.\n{line}\n",
        file=sys.stderr,
    )
    return 77


if __name__ == "__main__":
    sys.exit(main())
