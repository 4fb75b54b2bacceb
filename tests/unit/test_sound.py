"""Text to sound: the timing of Morse code, and files that any player reads."""

from __future__ import annotations

import array
import itertools
import stat
import wave
from typing import TYPE_CHECKING

import pytest

from workers import morse, sound, wav

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def no_speech(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def fake_speech(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Put a stand-in for espeak-ng on PATH: a shell script that gets the same arguments and the text on stdin."""
    program = folder / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")


def frames_of(path: Path) -> array.array[int]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, wav.SAMPLE_RATE)
        return array.array("h", file.readframes(file.getnframes()))


def test_paris_and_the_gap_after_it_are_fifty_units() -> None:
    assert morse.units("PARIS") + morse.WORD_GAP == 50
    assert morse.units("PARIS PARIS") == 50 + morse.units("PARIS")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e", 1),
        ("t", 3),
        ("i", 3),
        ("ee", 1 + 3 + 1),
        ("e e", 1 + 7 + 1),
        ("  e \n\t e  ", 1 + 7 + 1),
        ("e!e", 1 + 7 + 1),
        ("e 🎵 e", 1 + 7 + 1),
        ("", 7),
        (" \n", 7),
        ("🎵", 7),
        ("0", 5 * 3 + 4),
    ],
)
def test_what_has_no_code_is_a_gap_and_a_gap_is_seven_units(text: str, expected: int) -> None:
    assert morse.units(text) == expected


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("sos", "SOS"),
        ("Zürich", "Zurich"),
        ("straße", "strasse"),
        ("ﬁn", "fin"),
        ("e\u0301", "É"),
        ("it\u2019s", "it's"),
        ("\uff11", "1"),
    ],
)
def test_letters_without_a_code_are_sent_as_their_plain_ones(text: str, same: str) -> None:
    assert morse.words(text) == morse.words(same)


def test_every_code_is_dots_and_dashes_and_only_x_and_times_share_one() -> None:
    assert all(set(code) <= {".", "-"} for code in morse.CODE.values())
    assert len(set(morse.CODE.values())) == len(morse.CODE) - 1
    assert morse.CODE["X"] == morse.CODE["×"]


@pytest.mark.usefixtures("no_speech")
def test_a_text_becomes_a_wave_file_as_long_as_its_units(tmp_path: Path) -> None:
    voice, frames = sound.speak("PARIS PARIS", tmp_path / "a.wav")

    heard = frames_of(tmp_path / "a.wav")
    assert voice == "morse"
    assert frames == len(heard)
    assert len(heard) / wav.SAMPLE_RATE == pytest.approx(93 * sound.UNIT_SECONDS, rel=0.001)


@pytest.mark.usefixtures("no_speech")
def test_tones_sound_and_gaps_are_silent_and_nothing_clicks(tmp_path: Path) -> None:
    sound.speak("ee", tmp_path / "a.wav")

    heard = frames_of(tmp_path / "a.wav")
    unit = len(heard) // 5
    first, gap, last = heard[:unit], heard[unit : 4 * unit], heard[4 * unit :]
    assert not any(gap)
    assert max(first) == max(last) > 10_000
    largest_step = max(abs(b - a) for a, b in itertools.pairwise(heard))
    assert largest_step < 0.25 * max(first)


@pytest.mark.usefixtures("no_speech")
@pytest.mark.parametrize("text", ["", "\t", "🎵🎵", "-- --stdin", "漢字", "x" * 500])
def test_any_text_becomes_a_file_that_is_not_empty(text: str, tmp_path: Path) -> None:
    sound.speak(text, tmp_path / "a.wav")

    assert len(frames_of(tmp_path / "a.wav")) > 0


def test_speech_is_used_where_it_is_installed_and_gets_the_text_on_stdin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wav.write(tmp_path / "said.wav", [wav.silence(0.5)])
    fake_speech(
        tmp_path, monkeypatch, f'cat > {tmp_path}/heard; cp {tmp_path}/said.wav "$5"; echo "$@" > {tmp_path}/args'
    )

    voice, frames = sound.speak("--version é", tmp_path / "out" / "a.wav")

    assert (voice, frames) == ("espeak-ng", round(0.5 * wav.SAMPLE_RATE))
    assert (tmp_path / "heard").read_text(encoding="utf-8") == "--version é"
    assert "--version" not in (tmp_path / "args").read_text()
    assert len(frames_of(tmp_path / "out" / "a.wav")) == frames


def test_a_text_that_cannot_be_said_is_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_speech(tmp_path, monkeypatch, "cat > /dev/null")

    voice, frames = sound.speak("", tmp_path / "a.wav")

    assert voice == "espeak-ng"
    assert len(frames_of(tmp_path / "a.wav")) == frames > 0


def test_a_speech_program_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_speech(tmp_path, monkeypatch, "exit 3")

    with pytest.raises(Exception, match="exit status 3"):
        sound.speak("hello", tmp_path / "out" / "a.wav")

    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "cd.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(400))

    with pytest.raises(ValueError, match="not 16-bit mono"):
        list(wav.read(tmp_path / "cd.wav"))


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.wav"

    def broken() -> Iterator[bytes]:
        yield wav.silence(1)
        assert not path.exists()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        wav.write(path, broken())

    assert list(path.parent.iterdir()) == []


def test_a_second_writing_takes_the_place_of_the_first(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", [wav.silence(1)])
    wav.write(tmp_path / "a.wav", [wav.silence(2)])

    assert len(frames_of(tmp_path / "a.wav")) == 2 * wav.SAMPLE_RATE


def test_sweeping_removes_only_what_killed_writers_left(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", [wav.silence(1)])
    (tmp_path / ".b.wav.abc.part").write_bytes(b"half")

    wav.sweep(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
