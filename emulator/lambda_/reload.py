"""Watches the files of a stack. Changed functions run their new code at once; a changed template needs a restart."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from watchfiles import DefaultFilter, awatch

from emulator.common.service import Service
from emulator.lambda_.records import Function

QUIET = 20  # milliseconds without a change: an editor writes a file in several steps
LONGEST = 200  # milliseconds after which changes are reported even while others follow

logger = logging.getLogger(__name__)


class Reload(Service):
    """Watches until it is closed. It ignores changes below `data`, where the emulator itself writes."""

    def __init__(
        self,
        functions: Iterable[Function],
        sources: Iterable[Path],
        data: Path,
        reload: Callable[[str], Awaitable[None]],
        say: Callable[[str], None],
    ) -> None:
        self._functions = tuple(functions)
        self._sources = frozenset(map(str, sources))
        self._filter = DefaultFilter(ignore_paths=[data.resolve()])
        self._reload = reload
        self._say = say
        self._stopping = asyncio.Event()
        self._watching: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        code = {path for function in self._functions for path in _folders(function) if path.is_dir()}
        # The folders, since many editors replace a file by another, but not their subfolders, which may hold anything.
        folders = {Path(source).parent for source in self._sources}
        self._watching = [
            asyncio.create_task(self._watch(code, self._code_changed, recursive=True)),
            asyncio.create_task(self._watch(folders, self._source_changed, recursive=False)),
        ]
        await asyncio.sleep(0)  # the tasks begin to watch

    async def close(self, grace: float) -> None:
        self._stopping.set()
        await asyncio.gather(*self._watching)

    async def _watch(
        self, paths: set[Path], changed: Callable[[set[str]], Awaitable[None]], *, recursive: bool
    ) -> None:
        try:
            async for changes in awatch(
                *paths,
                watch_filter=self._filter,
                debounce=LONGEST,
                step=QUIET,
                stop_event=self._stopping,
                recursive=recursive,
            ):
                await changed({path for _, path in changes})
        except (OSError, RuntimeError) as error:
            logger.warning("file changes are not noticed any more: %s", error)

    async def _code_changed(self, paths: set[str]) -> None:
        for path in paths:
            if path.endswith(".py"):
                # Bytecode records only the size and the second of its source: old bytecode may match a quick change.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(importlib.util.cache_from_source(path))
        names = [
            function.name
            for function in self._functions
            if any(Path(path).is_relative_to(folder) for path in paths for folder in _folders(function))
        ]
        for name in names:
            await self._reload(name)
        if names:
            self._say(f"Reloaded {', '.join(names)}.")

    async def _source_changed(self, paths: set[str]) -> None:
        for path in sorted(self._sources & paths):
            self._say(f"{path} has changed: restart the emulator for that to take effect.")


def _folders(function: Function) -> tuple[Path, ...]:
    return (function.code, *function.search_path)
