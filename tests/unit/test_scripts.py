"""The Lua scripts: called by keyword, headed by what they promise, small enough to be read."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from durable_celery.stores.redis import scripts
from durable_celery.stores.redis.keys import FIELDS, INTERNAL, PERMANENT

LUA = Path(scripts.__file__).parent / "lua"
VERBS = sorted(LUA.glob("*.lua"))
RULES = sorted((LUA / "rules").glob("*.lua"))
MAX_LINES = 60


def named(path: Path) -> str:
    return path.stem


class TestLoader:
    def test_arguments_go_to_redis_in_the_scripts_order(self) -> None:
        park = scripts.load("park")

        assert park.parameters == ("id", "token", "reason")
        assert park.arguments({"reason": "r", "id": "i", "token": "t"}, ()) == ["i", "t", "r"]

    def test_what_follows_the_named_ones_is_appended(self) -> None:
        checkpoint = scripts.load("checkpoint")
        told: dict[str, scripts.Argument] = {"id": "i", "token": "t", "cursor": 3, "lease_ms": 5, "count": 1}

        assert checkpoint.arguments(told, ["1", "one"]) == ["i", "t", 3, 5, 1, "1", "one"]

    def test_a_missing_name_is_refused_before_redis_is_asked(self) -> None:
        with pytest.raises(TypeError, match=r"park\.lua needs 'reason'"):
            scripts.load("park").arguments({"id": "i", "token": "t"}, ())

    def test_a_wrong_name_is_refused_before_redis_is_asked(self) -> None:
        with pytest.raises(TypeError, match=r"park\.lua takes .*reason"):
            scripts.load("park").arguments({"id": "i", "token": "t", "reason": "r", "why": "w"}, ())

    def test_a_verb_without_a_script_is_no_verb(self) -> None:
        with pytest.raises(FileNotFoundError):
            scripts.load("finish")

    def test_a_script_is_loaded_once_and_known_by_its_digest(self) -> None:
        assert scripts.load("claim") is scripts.load("claim")
        assert len({scripts.load(named(path)).sha for path in VERBS}) == len(VERBS)

    def test_the_rules_stand_before_every_script(self) -> None:
        text = scripts.load("claim").text

        assert text.index((LUA / "claim.lua").read_text()) > max(text.index(path.read_text()) for path in RULES)
        assert all(path.read_text() in text for path in RULES)


@pytest.mark.parametrize("path", VERBS, ids=named)
class TestScripts:
    def test_it_is_short(self, path: Path) -> None:
        assert len(path.read_text().splitlines()) <= MAX_LINES

    def test_its_header_says_what_it_does_and_what_it_returns(self, path: Path) -> None:
        header = _header(path)

        assert re.match(r"-- (T\d+(, T\d+)*|Look)\b", header[0])
        assert any(line.startswith("-- Returns ") for line in header)
        assert header[-1].endswith(".")

    def test_it_says_which_keys_and_arguments_it_takes(self, path: Path) -> None:
        text = path.read_text()

        assert "local partition = unpack(KEYS)" in text
        assert bool(scripts.load(named(path)).parameters) == ("unpack(ARGV, 1," in text)
        if not scripts.load(named(path)).parameters and "ARGV" in text:
            assert "-- then: id, " in text

    def test_every_answer_it_gives_is_in_its_header(self, path: Path) -> None:
        header = " ".join(_header(path))
        answers = set(re.findall(r"return \{'([A-Z]+)'", path.read_text()))

        assert all(answer in header for answer in answers), answers

    def test_it_reads_no_json_and_looks_through_no_keys(self, path: Path) -> None:
        assert not re.search(r"cjson|cmsgpack|'KEYS'|'SCAN'|os\.time", path.read_text())


@pytest.mark.parametrize("path", RULES, ids=named)
class TestRules:
    def test_it_is_short(self, path: Path) -> None:
        assert len(path.read_text().splitlines()) <= MAX_LINES

    def test_its_header_says_what_it_is_about(self, path: Path) -> None:
        assert _header(path)

    def test_every_function_says_what_it_does(self, path: Path) -> None:
        lines = path.read_text().splitlines()
        undocumented = [
            line
            for above, line in pairwise(lines)
            if re.match(r"(local function|settle =)", line) and not above.startswith("--")
        ]

        assert undocumented == []


class TestKeys:
    def test_the_rules_that_are_loaded_are_the_rules_that_are_there(self) -> None:
        assert set(scripts._RULES) == {named(path) for path in RULES}

    def test_no_two_fields_share_a_name(self) -> None:
        assert len(set(FIELDS.values()) | set(INTERNAL)) == len(FIELDS) + len(INTERNAL)

    def test_every_key_that_a_script_touches_is_in_the_one_home_of_keys(self) -> None:
        text = "".join(path.read_text() for path in VERBS + RULES)
        used = set(re.findall(r"P \.\. '(\w+)", text)) - {"done", "moved"}

        assert used <= {*PERMANENT, "r", "j", "t", "cb", "mb", "st", "tb", "l"}


def _header(path: Path) -> list[str]:
    lines = path.read_text().splitlines()
    return lines[: next(number for number, line in enumerate(lines) if not line.startswith("--"))]
