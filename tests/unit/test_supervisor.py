"""The supervisor: programs come up together, die when told, and none stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from durable_celery.dev import Program, Supervisor, free_port, log_has, url_answers
from durable_celery.dev.child import group_members, wait_until

if TYPE_CHECKING:
    from pathlib import Path

#: A program that forks a child of its own, as a Celery worker does.
PARENT_AND_CHILD = "sleep 60 & echo ready; wait"


def program(folder: Path, name: str, script: str, **options: object) -> Program:
    return Program(name=name, argv=["/bin/sh", "-c", script], log=folder / f"{name}.log", **options)  # type: ignore[arg-type]


def with_child(folder: Path, name: str) -> Program:
    log = folder / f"{name}.log"
    return program(folder, name, PARENT_AND_CHILD, ready=log_has(log, "ready"))


def test_programs_run_until_the_block_ends_with_all_they_forked(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(with_child(tmp_path, "a"), with_child(tmp_path, "b"))
        assert supervisor.alive("a")
        assert supervisor.alive("b")
        assert len(supervisor.survivors()) == 4

    assert supervisor.survivors() == []


def test_they_are_ended_in_reverse_order_by_sigterm(tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = f"trap 'echo $NAME >> {order}; exit 0' TERM; echo ready; while :; do sleep 0.02; done"
    with Supervisor() as supervisor:
        for name in ("first", "second"):
            ready = log_has(tmp_path / f"{name}.log", "ready")
            supervisor.start(program(tmp_path, name, script, env={"NAME": name}, ready=ready))

    assert order.read_text().split() == ["second", "first"]


def test_one_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    with Supervisor(grace=0.2) as supervisor:
        supervisor.start(program(tmp_path, "deaf", script, ready=log_has(tmp_path / "deaf.log", "ready")))

    assert supervisor.survivors() == []


def test_kill_is_sigkill_to_the_main_process_only(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(with_child(tmp_path, "victim"), with_child(tmp_path, "witness"))
        main = supervisor.pid("victim")

        supervisor.kill("victim")

        assert supervisor.ended() == {"victim": -signal.SIGKILL}
        assert group_members(main), "what it forked is not ours to kill yet"
        assert supervisor.alive("witness")
    assert supervisor.survivors() == []


def test_a_killed_program_can_be_started_again(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(with_child(tmp_path, "phoenix"))
        first = supervisor.pid("phoenix")
        supervisor.kill("phoenix")

        supervisor.restart("phoenix")

        assert supervisor.pid("phoenix") != first
        assert supervisor.alive("phoenix")


def test_a_program_that_ends_before_it_is_ready_shows_the_end_of_its_log(tmp_path: Path) -> None:
    failing = program(tmp_path, "web", "echo port is taken; exit 3", ready=lambda: False)

    with Supervisor() as supervisor, pytest.raises(RuntimeError, match=r"(?s)web ended with code 3.*port is taken"):
        supervisor.start(failing)


def test_a_program_that_is_never_ready_runs_into_the_deadline(tmp_path: Path) -> None:
    slow = program(tmp_path, "slow", "echo still loading; sleep 60", ready=lambda: False)

    with (
        Supervisor() as supervisor,
        pytest.raises(TimeoutError, match=r"(?s)slow was not ready .* 0.3 s.*still loading"),
    ):
        supervisor.start(slow, deadline=0.3)

    assert supervisor.survivors() == []


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    missing = Program(name="gone", argv=["no-such-program"], log=tmp_path / "log", ready=lambda: False)

    with (
        Supervisor() as supervisor,
        pytest.raises(RuntimeError, match=r"(?s)gone ended with code 127.*no-such-program"),
    ):
        supervisor.start(missing)


def test_the_end_of_an_older_log_is_not_shown_for_a_newer_run(tmp_path: Path) -> None:
    (tmp_path / "again.log").write_text("an old story, ready\n")
    ready = log_has(tmp_path / "again.log", "ready")

    with Supervisor() as supervisor, pytest.raises(RuntimeError) as caught:
        supervisor.start(program(tmp_path, "again", "echo a new story; exit 1", ready=ready))

    assert "a new story" in str(caught.value)
    assert "an old story" not in str(caught.value)


def test_a_url_tells_readiness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    server = Program(
        name="files",
        argv=[sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", tmp_path],
        log=tmp_path / "log",
        ready=url_answers(url),
    )

    with Supervisor() as supervisor:
        supervisor.start(server)
        assert url_answers(url)()
        assert not url_answers(url + "missing")()

    assert not url_answers(url)()


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(program(tmp_path, "one", "sleep 60"))
        with pytest.raises(ValueError, match="one is started already"):
            supervisor.start(program(tmp_path, "one", "sleep 60"))


SUPERVISING = """
import sys, time
from pathlib import Path
from durable_celery.dev import Program, Supervisor, log_has
log = Path(sys.argv[1]) / "log"
with Supervisor() as supervisor:
    supervisor.start(Program(name="a", argv=["/bin/sh", "-c", sys.argv[2]], log=log, ready=log_has(log, "ready")))
    print(supervisor.pid("a"), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_behind_whatever_ends_the_supervising_process(tmp_path: Path, end: signal.Signals) -> None:
    argv = [sys.executable, "-c", SUPERVISING, str(tmp_path), PARENT_AND_CHILD]
    parent = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ})
    assert parent.stdout is not None
    group = int(parent.stdout.readline())
    assert len(group_members(group)) == 2

    parent.send_signal(end)
    parent.wait()
    parent.stdout.close()

    assert wait_until(lambda: not group_members(group), 5)
