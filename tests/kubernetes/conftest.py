"""Tests of the chart are skipped where helm and Kubernetes' types cannot be fetched. ctest shows
`kubernetes_tools` as skipped then, and `./run test` says why at its end."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from tools import Absent, tools  # noqa: E402


def pytest_collection_modifyitems(config, items):
    here = pathlib.Path(__file__).resolve().parent
    ours = [item for item in items if here in pathlib.Path(item.fspath).parents]
    if not ours:
        return
    try:
        tools()
    except Absent as absent:
        for item in ours:
            item.add_marker(pytest.mark.skip(reason=f"THE CHART WAS NOT CHECKED: {absent}"))
