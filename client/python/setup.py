"""What pyproject.toml cannot say: the version, which is CMake's; whether the native module is here,
with which the wheel is of this Python and machine, and without it of any; and what a checkout lacks
of the built package."""

import pathlib
import re
import shutil
import subprocess

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
NATIVE = [path.name for path in HERE.glob("graphfeed/_graphfeed*.so")]
PORTABLE_NEEDS = ["grpcio>=1.30", "protobuf>=3.12"]


def version():
    lists = (PROJECT / "CMakeLists.txt").read_text()
    return re.search(r"project\(graphfeed VERSION (\S+)", lists).group(1)


class NativeDistribution(Distribution):
    """Tells setuptools that there is a module, which it has not compiled itself."""

    def has_ext_modules(self):
        return bool(NATIVE)


class BuildPackage(build_py):
    """Adds the files that CMake makes, where it has not made them (client/python/CMakeLists.txt)."""

    def run(self):
        super().run()
        package = pathlib.Path(self.build_lib) / "graphfeed"
        if not (package / "_version.py").exists():
            (package / "_version.py").write_text(f'__version__ = "{version()}"\n')
        described = package / "_portable" / "messages.binpb"
        if not described.exists():
            if shutil.which("protoc") is None:
                raise SystemExit(
                    "graphfeed: building from a checkout takes protoc (Debian: protobuf-compiler)"
                )
            messages = sorted(str(path) for path in PROJECT.glob("proto/graphfeed/v1/*.proto"))
            subprocess.run(
                ["protoc", "-I", str(PROJECT / "proto"), "--include_imports",
                 f"--descriptor_set_out={described}", *messages],
                check=True,
            )


setup(
    version=version(),
    distclass=NativeDistribution,
    cmdclass={"build_py": BuildPackage},
    install_requires=["numpy>=1.17"] + ([] if NATIVE else PORTABLE_NEEDS),
    extras_require={
        "portable": PORTABLE_NEEDS,  # where the native module does not load
        "digests": ["xxhash"],
        "torch": ["torch"],
        "pyg": ["torch", "torch_geometric"],
        "notebooks": ["matplotlib", "tqdm"],
        "metrics": ["prometheus_client"],
    },
    package_data={
        "graphfeed": ["py.typed", "*.pyi", *NATIVE],
        "graphfeed._portable": ["messages.binpb"],
    },
)
