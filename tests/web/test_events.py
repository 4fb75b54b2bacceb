"""Server-sent events in every framework: what comes, going on where one was, and the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from durable_celery import Durable
from tests.web import shop
from tests.web.conftest import Web, options
from tests.web.servers import KINDS, served


@dataclass
class Event:
    id: str
    name: str
    data: Any


class Reader:
    """Reads a stream as an EventSource does."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.comments = 0
        self.retry = ""
        self._lines = answer.iter_lines()

    def __iter__(self) -> Iterator[Event]:
        said: dict[str, str] = {}
        for line in self._lines:
            if not line and "data" in said:
                yield Event(said["id"], said["event"], json.loads(said["data"]))
                said = {}
            elif line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                self.retry = value if name == "retry" else self.retry
                said[name] = value

    def until(self, name: str) -> list[Event]:
        found = []
        for event in self:
            found.append(event)
            if event.name == name:
                return found
        raise AssertionError(f"no {name} came: {found}")


@contextmanager
def listening(web: Web, last: str = "") -> Iterator[Reader]:
    headers = {"Last-Event-ID": last} if last else {}
    with web.http.stream("GET", f"/durable/executions/{web.id}/events", headers=headers) as answer:
        yield Reader(answer)


class TestStream:
    def test_it_tells_the_story_to_its_end(self, web: Web) -> None:
        web.put("steps", web.id)
        with listening(web) as stream:
            found = []
            for event in stream:
                found.append(event)
                if event.name == "progress":
                    shop.gates[web.id].set()

        answer = stream.answer
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        assert stream.retry == "2000"
        names = [event.name for event in found]
        assert names[0] == "state"
        assert names.count("end") == 1
        assert names[-1] == "end"
        assert found[-1].data["result"] == ["hello one", web.id]
        steps = {event.data["position"]: event.data for event in found if event.name == "step"}
        assert {position: step["state"] for position, step in steps.items()} == {"1": "resolved", "2": "resolved"}
        progress = [event.data for event in found if event.name == "progress"]
        assert progress[-1] == {"done": 3, "total": 3, "note": "three"}
        assert len({event.id for event in found}) == len(found)

    def test_who_comes_back_goes_on_where_it_was(self, web: Web) -> None:
        web.put("steps", web.id)
        with listening(web) as stream:
            before = stream.until("progress")
        shop.gates[web.id].set()
        web.until("succeeded")

        with listening(web, before[-1].id) as stream:
            after = list(stream)

        told = [(event.name, json.dumps(event.data)) for event in before]
        assert not [event for event in after if (event.name, json.dumps(event.data)) in told]
        assert [event.data["position"] for event in after if event.name == "step"] == ["2"]
        assert after[-1].name == "end"

    def test_what_the_body_logs_is_told_once(self, web: Web) -> None:
        web.put("talk", web.id)
        with listening(web) as stream:
            before = stream.until("log")
        shop.gates[web.id].set()
        web.until("succeeded")

        with listening(web, before[-1].id) as stream:
            after = list(stream)

        said = [event.data for event in (*before, *after) if event.name == "log"]
        assert [(each["level"], each["text"]) for each in said] == [
            ("INFO", f"began {web.id}"),
            ("WARNING", "waits"),
            ("INFO", "goes on"),
        ]
        assert {each["id"] for each in said} == {web.id}
        assert web.ask("GET", f"/executions/{web.id}?view=full").json()["log"] == said
        assert "log" not in web.ask("GET", f"/executions/{web.id}").json()

    def test_after_the_end_a_reconnecting_client_is_stopped(self, web: Web) -> None:
        web.put("greet", "Ann", Prefer="wait=5")
        with listening(web) as stream:
            found = list(stream)

        again = web.ask("GET", f"/executions/{web.id}/events", headers={"Last-Event-ID": found[-1].id})

        assert found[-1].name == "end"
        assert (again.status_code, again.content) == (204, b"")
        assert "content-type" not in again.headers

    def test_who_says_nonsense_of_what_it_saw_is_told_everything(self, web: Web) -> None:
        web.put("greet", "Ann", Prefer="wait=5")
        with listening(web, "nonsense") as stream:
            found = list(stream)
        assert [event.name for event in found] == ["state", "step", "end"]

    def test_a_failure_ends_it_with_its_error(self, web: Web) -> None:
        web.put("decline")
        with listening(web) as stream:
            end = stream.until("end")[-1]
        assert end.data["error"] == {"type": "CardDeclined", "message": "no money"}

    def test_nothing_has_no_events(self, web: Web) -> None:
        assert web.ask("GET", f"/executions/{web.id}/events").status_code == 404


@pytest.mark.parametrize("kind", KINDS)
class TestLongStreams:
    @pytest.fixture
    def hasty(self, kind: str, durable: Durable, functions: dict[str, Any]) -> Iterator[Web]:
        """Streams of half a second, a heartbeat every tenth, and one listener at a time."""
        said = options(functions, stream_for=0.5, heartbeat=0.1, max_waiters=1)
        with served(kind, durable, functions, said) as url:
            web = Web(url, kind, durable)
            yield web
            web.http.close()

    def test_a_stream_is_kept_alive_and_ends_to_be_resumed(self, hasty: Web) -> None:
        hasty.put("ask")
        hasty.until("suspended")
        with listening(hasty) as stream:
            found = list(stream)
        assert [event.name for event in found] == ["state", "step"]
        assert stream.comments >= 2

        with listening(hasty, found[-1].id) as stream:
            assert list(stream) == []

    def test_over_the_number_of_listeners_one_is_told_how_it_stands_and_sent_away(self, hasty: Web) -> None:
        hasty.put("ask")
        hasty.until("suspended")
        with listening(hasty) as first:
            next(iter(first))
            with listening(hasty) as second:
                assert [event.name for event in second] == ["state", "step"]
                assert second.comments == 0
