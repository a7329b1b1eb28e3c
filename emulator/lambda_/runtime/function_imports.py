"""What a function can import: its own modules, and of the packages installed here those that it has on AWS."""

from __future__ import annotations

import contextlib
import os
import re
import site
import sys
from collections.abc import Iterable, Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


class Installed(MetaPathFinder):
    """Finds those of the packages installed here that the function has on AWS. It is asked after all other finders."""

    def __init__(self, folders: list[str], packages: list[str], distributions: list[str]) -> None:
        self.folders = folders
        self.packages = frozenset(packages)
        self.distributions = frozenset(distributions)

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if path is not None:
            return None
        spec = PathFinder.find_spec(name, self.folders)
        if spec is None or name in self.packages:
            return spec
        # importlib.util.find_spec asks too, and expects no exception.
        if sys._getframe(2).f_code.co_name != "_find_and_load_unlocked":
            return None
        raise ModuleNotFoundError(
            f"No module named {name!r}: it is installed on this machine, but the function needs it in its "
            "requirements.txt, or in that of one of its layers",
            name=name,
        )

    def find_distributions(self, context: Any) -> Iterator[Any]:
        """Yields the function's installed distributions, for importlib.metadata."""
        from importlib.metadata import DistributionFinder, MetadataPathFinder

        searched = DistributionFinder.Context(name=context.name, path=self.folders)
        for distribution in MetadataPathFinder.find_distributions(searched):
            name = distribution.metadata["Name"] or ""
            if re.sub(r"[-_.]+", "-", name).lower() in self.distributions:
                yield distribution


class PlainHttp(MetaPathFinder):
    """Lets urllib3, which boto3 and requests use, reach the emulator's APIs at https:// addresses too.

    On AWS a function builds the address of `@connections` as `https://{domainName}/{stage}` from its event.
    """

    def __init__(self, ports: list[int]) -> None:
        self.local = {(host, port) for host in ("127.0.0.1", "localhost", "[::1]") for port in ports}

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "urllib3.poolmanager":
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_change(module: ModuleType) -> None:
                load(module)
                self._change(module.PoolManager)

            spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec

    def _change(self, manager: Any) -> None:
        connect = manager.connection_from_host

        def connection_from_host(
            self_: Any, host: str, port: int | None = None, scheme: str = "http", *args: Any, **options: Any
        ) -> Any:
            if (host, port) in self.local:
                scheme = "http"
            return connect(self_, host, port, scheme, *args, **options)

        manager.connection_from_host = connection_from_host


def limit_imports(packages: list[str], distributions: list[str], ports: list[int]) -> None:
    """Hides installed packages other than these, and serves plain HTTP at https addresses with these `ports`."""
    folders = {*site.getsitepackages(), site.getusersitepackages()}
    first = next((index for index, folder in enumerate(sys.path) if folder in folders), len(sys.path))
    installed = sys.path[first:]  # what .pth files add comes later too
    del sys.path[first:]
    sys.meta_path.insert(0, PlainHttp(ports))
    sys.meta_path.append(Installed(installed, packages, distributions))


@contextlib.contextmanager
def recorded_reads(names: set[str]) -> Iterator[None]:
    """Adds the names of the environment variables that Python code reads."""
    kind = type(os.environ)
    read = kind.__getitem__

    def read_and_record(environ: Any, name: str) -> str:
        names.add(name)
        return read(environ, name)

    kind.__getitem__ = read_and_record  # type: ignore[method-assign]
    try:
        yield
    finally:
        kind.__getitem__ = read  # type: ignore[method-assign]


def top_level(modules: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def comes_from_elsewhere(module: str, path: list[str]) -> bool:
    """Whether a module that has been imported is in none of the folders of `path`."""
    origin = getattr(getattr(sys.modules[module], "__spec__", None), "origin", None)
    return origin is not None and not origin.startswith(tuple(folder + os.sep for folder in path))
