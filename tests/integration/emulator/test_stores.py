"""Embedded stores start and stop whatever the last run left behind, and touch no process but their own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg
import pytest
from redis import Redis, RedisError

from emulator import stores
from tests.support.concurrency import eventually
from tests.support.folders import data_folder
from tests.support.stack import ROOT, family, survivors

PATIENCE = 60.0

Run = Callable[[Path], AbstractContextManager[str]]

RUN: dict[str, Run] = {"postgres": stores.postgres, "redis": stores.redis}
PROGRAM: dict[str, tuple[str, ...]] = {"postgres": ("postgres",), "redis": ("redis-server", "valkey-server")}

each_store = pytest.mark.parametrize("store", RUN)


@pytest.fixture(scope="module", autouse=True)
def few_seconds_to_stop() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "_STOP_SECONDS", 3.0)
        yield


@pytest.fixture(scope="module")
def initialised() -> Path:
    """A data folder of Postgres that only has to be copied."""
    folder = data_folder() / "postgres"
    with stores.postgres(folder):
        pass
    return folder


@pytest.fixture
def folder(store: str, initialised: Path) -> Path:
    return new_folder(store, initialised)


def new_folder(store: str, initialised: Path, name: str = "data") -> Path:
    folder = data_folder() / name / store
    folder.parent.mkdir()
    if store == "postgres":
        # With its owner, who is another user if this runs as root.
        subprocess.run(["cp", "-a", str(initialised), str(folder)], check=True)
    return folder


def write(store: str, url: str) -> None:
    if store == "redis":
        with Redis.from_url(url) as client:
            client.set("key", "value")
            # It is on disk when this returns.
            client.config_set("appendfsync", "always")
            client.set("key", "value")
    else:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept (value text)")
            connection.execute("INSERT INTO kept VALUES ('value')")


def read(store: str, url: str) -> str:
    if store == "redis":
        with Redis.from_url(url, decode_responses=True) as client:
            return str(client.get("key"))
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT value FROM kept").fetchone()
        assert row is not None
        return str(row[0])


def servers(store: str, folder: Path) -> list[psutil.Process]:
    """The processes of the store that runs in the folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name().startswith(PROGRAM[store]) and process.cwd() == str(folder):
                found.append(process)
    return found


def answers(url: str) -> bool:
    try:
        if url.startswith("redis"):
            with Redis.from_url(url) as client:
                return bool(client.ping())
        psycopg.connect(url).close()
        return True
    except (RedisError, psycopg.OperationalError):
        return False


@contextmanager
def another_process(store: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Runs the store in a process that can be killed. It prints a line when the store is ready."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom emulator import stores\n"
        f"with stores.{store}(Path(sys.argv[1])) as url:\n    print(url, flush=True)\n    sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def left_running(store: str, folder: Path) -> list[psutil.Process]:
    """A store with data whose owner was killed. Returns its processes."""
    with another_process(store, folder) as owner:
        assert owner.stdout is not None
        write(store, owner.stdout.readline().strip())
    found = servers(store, folder)
    assert found
    return found


@contextmanager
def stranger(kind: str, store: str, initialised: Path) -> Iterator[psutil.Process]:
    if kind == "another program":
        with subprocess.Popen(["sleep", str(PATIENCE)]) as process:
            try:
                yield psutil.Process(process.pid)
            finally:
                process.kill()
    else:
        elsewhere = new_folder(store, initialised)
        with RUN[store](elsewhere):
            yield min(servers(store, elsewhere), key=lambda process: process.create_time())


@each_store
@pytest.mark.parametrize("kind", ["another program", "the same program in another folder"])
def test_a_process_that_got_the_id_of_a_killed_store_is_left_alone(
    store: str, kind: str, folder: Path, initialised: Path
) -> None:
    # GIVEN a store that was killed, and a stranger that has its process id by now
    for process in left_running(store, folder):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    with stranger(kind, store, initialised) as other:
        files = {"postgres": ["postmaster.pid", ".s.PGSQL.5432.lock"], "redis": ["redis.pid"]}[store]
        for file in (folder / name for name in files):
            _, *rest = file.read_text().split("\n")
            file.write_text("\n".join([str(other.pid), *rest]))

        # WHEN the store starts and stops again
        with RUN[store](folder) as url:
            # THEN it has its data
            assert read(store, url) == "value"

        # AND the stranger lives
        assert other.is_running()
        assert other.status() != psutil.STATUS_ZOMBIE


@each_store
def test_a_store_that_a_killed_process_left_running_is_replaced(store: str, folder: Path) -> None:
    left = left_running(store, folder)

    with RUN[store](folder) as url:
        assert survivors(left) == []
        assert read(store, url) == "value"

    assert servers(store, folder) == []


@each_store
def test_a_store_that_hangs_is_killed_with_a_message_at_the_next_start(
    store: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left = left_running(store, folder)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)

    started = time.monotonic()
    with RUN[store](folder) as url:
        assert time.monotonic() - started < 30
        assert survivors(left) == []
        assert read(store, url) == "value"

    (message,) = caplog.messages
    name = {"postgres": "Postgres", "redis": "Redis"}[store]
    assert message.startswith(f"{name} in {folder} (process ")
    assert message.endswith("did not stop within 3 s and was killed.")


@each_store
def test_a_store_that_hangs_when_it_has_to_stop_is_killed_with_a_message(
    store: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with RUN[store](folder) as url:
        write(store, url)
        running = servers(store, folder)
        for process in running:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)

    assert survivors(running) == []
    assert "did not stop within 3 s and was killed" in caplog.text
    with RUN[store](folder) as url:
        assert read(store, url) == "value"


@each_store
def test_a_store_that_somebody_else_has_started_again_stops_too(store: str, folder: Path) -> None:
    with RUN[store](folder) as url:
        (server,) = [process for process in servers(store, folder) if process.ppid() == psutil.Process().pid]
        command, user = server.cmdline(), server.uids().real
        if store == "redis":
            command = [server.exe(), "redis.conf", "--port", str(urlsplit(url).port)]
        everything = family(server)
        for process in everything:
            process.kill()
        assert survivors([process for process in everything if process != server]) == []
        server.wait()
        again = subprocess.Popen(command, cwd=folder, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: answers(url), PATIENCE)

    again.wait(PATIENCE)
    assert servers(store, folder) == []


@each_store
@pytest.mark.parametrize(
    "name", ["with space", "com,ma", "per%20cent+plus", "quo\"te's", "ünïcode", "x" * 120], ids=lambda name: name[:12]
)
def test_a_data_folder_may_have_any_name(store: str, name: str, initialised: Path) -> None:
    folder = new_folder(store, initialised, name)
    with RUN[store](folder) as url:
        write(store, url)
    with RUN[store](folder) as url:
        assert read(store, url) == "value"
    if store == "postgres":
        (sockets,) = parse_qs(urlsplit(url).query)["host"]
        assert Path(sockets) == folder or not Path(sockets).exists()


# How far Postgres has come with a folder when its owner is killed.
MILESTONES = ["postgres.new", "postgres.new/PG_VERSION", "postgres.new/global/pg_control", "postgres/postmaster.pid"]


@pytest.mark.parametrize("milestone", MILESTONES)
def test_a_first_start_that_was_cut_short_does_no_harm(milestone: str) -> None:
    # GIVEN a first start that was killed on its way
    data = data_folder() / "with space"
    with another_process("postgres", data / "postgres") as first:
        give_up = time.monotonic() + PATIENCE
        while not (data / milestone).exists():
            assert time.monotonic() < give_up
            assert first.poll() is None
            time.sleep(0.002)
        first.kill()

    # WHEN it starts once more
    with stores.postgres(data / "postgres") as url:
        # THEN it works
        write("postgres", url)
        assert read("postgres", url) == "value"

    # AND nothing is left of the first attempt
    assert [path.name for path in data.iterdir()] == ["postgres"]
    assert servers("postgres", data / "postgres.new") == []


def test_a_folder_with_other_files_is_not_touched() -> None:
    folder = data_folder() / "postgres"
    folder.mkdir()
    (folder / "thesis.txt").write_text("three years of work")

    with (
        pytest.raises(stores.StoreError, match=f"cannot keep its data in {folder}: Directory not empty"),
        stores.postgres(folder),
    ):
        pass

    assert (folder / "thesis.txt").read_text() == "three years of work"


def test_a_store_that_does_not_start_says_why(initialised: Path) -> None:
    folder = new_folder("postgres", initialised)
    (folder / "PG_VERSION").write_text("16\n")

    with pytest.raises(stores.StoreError) as raised, stores.postgres(folder):
        pass

    assert f"Postgres did not start in {folder}: " in str(raised.value)
    assert "initialized by PostgreSQL version 16" in str(raised.value)
    assert str(raised.value).endswith(f"its log is {folder / 'log'}")


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for run in RUN.values():
        with pytest.raises(stores.StoreError, match="cannot keep its data in .*: (File exists|Not a directory): "):
            run(tmp_path / "file" / "data").__enter__()


def test_postgres_starts_again_when_what_ended_it_is_over(initialised: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = new_folder("postgres", initialised)
    with stores.postgres(folder) as url:
        write("postgres", url)
        # GIVEN a crash, after which it cannot read its data
        control = folder / "global" / "pg_control"
        control.rename(control.with_name("away"))
        writer = next(
            process for process in servers("postgres", folder) if "checkpointer" in " ".join(process.cmdline())
        )
        writer.send_signal(signal.SIGABRT)
        eventually(lambda: "ended by itself" in caplog.text, PATIENCE)
        assert not answers(url)

        # WHEN it can read them again
        control.with_name("away").rename(control)

        # THEN it comes back
        eventually(lambda: answers(url), PATIENCE)
        assert read("postgres", url) == "value"
    assert servers("postgres", folder) == []


def test_redis_starts_again_when_it_crashes() -> None:
    folder = data_folder() / "redis"
    with stores.redis(folder) as url:
        write("redis", url)
        (server,) = servers("redis", folder)
        server.send_signal(signal.SIGSEGV)
        assert survivors([server]) == []
        eventually(lambda: answers(url), PATIENCE)
        assert read("redis", url) == "value"
    assert servers("redis", folder) == []
