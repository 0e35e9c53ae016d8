"""Text files of numbers, plain or gzipped."""

from __future__ import annotations

import gzip
import os
import pathlib
import warnings

import numpy as np

from graphfeed import errors


def folder_of(path: str | os.PathLike) -> pathlib.Path:
    """The folder. FileNotFoundError names it where there is none."""
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    return folder


def find(folder: pathlib.Path, name: str) -> pathlib.Path | None:
    """The file of that name, or with .gz."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None


def numbers(path: pathlib.Path, dtype: type | None = float) -> np.ndarray:
    """[lines, columns] of comma-separated numbers.

    Args:
        path: of the file.
        dtype: int: int64; float32 otherwise; None: int64 if all of them are whole numbers. Of real
            numbers an empty field is NaN.

    Raises:
        InvalidArgument: it holds something else; the message names file and line.
    """
    if path.stat().st_size == 0 or not _text(path).strip():
        return np.zeros((0, 1), np.int64 if dtype is int else np.float32)
    if dtype is not float:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)  # real numbers cut off
                return np.loadtxt(path, np.int64, delimiter=",", ndmin=2)
        except (ValueError, OverflowError, DeprecationWarning) as error:
            if dtype is int:
                raise _bad(path, error) from None
    try:
        return np.loadtxt(path, np.float32, delimiter=",", ndmin=2)
    except ValueError:
        pass
    try:
        return np.loadtxt(
            path, np.float32, delimiter=",", ndmin=2, converters=lambda text: float(text or "nan")
        )
    except ValueError as error:
        raise _bad(path, error) from None


def _text(path: pathlib.Path) -> bytes:
    """Its first bytes."""
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        return file.read(64)


def _bad(path: pathlib.Path, error: Exception) -> errors.InvalidArgument:
    return errors.InvalidArgument(f"{path}: {error}")
