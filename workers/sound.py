"""Text to sound: spoken by espeak-ng where it is installed, in Morse code otherwise."""

from __future__ import annotations

import array
import math
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from workers import morse, wav

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEECH = "espeak-ng"
MORSE = "morse"

#: Words a minute, a word being PARIS and the gap after it: 50 units. At 25 a unit lasts 48 ms.
WORDS_PER_MINUTE = 25
UNIT_SECONDS = 60 / (50 * WORDS_PER_MINUTE)
TONE_HZ = 600
#: How long a tone takes to rise and to fall; without it, each would begin and end in a click.
RAMP_SECONDS = 0.005

_UNIT_FRAMES = round(UNIT_SECONDS * wav.SAMPLE_RATE)
_LOUDNESS = 0.5 * 32_767
#: A line of the greatest length is spoken to a file in well under a second.
_SPEECH_TIMEOUT = 60


def speak(text: str, path: Path) -> tuple[str, int]:
    """Write a text as a WAV file, with the best voice there is; return the voice and the number of frames."""
    program = shutil.which(SPEECH)
    if program is None:
        return MORSE, wav.write(path, morse_frames(text))
    return SPEECH, wav.write(path, _spoken_frames(program, text))


def morse_frames(text: str) -> Iterator[bytes]:
    """Yield the frames of a text in Morse code, one piece for each tone and each gap."""
    for sounding, units in morse.signals(text):
        yield tone(units) if sounding else bytes(wav.FRAME_BYTES * units * _UNIT_FRAMES)


@cache
def tone(units: int) -> bytes:
    """Return a tone of that many units, rising and falling along a cosine."""
    total, ramp = units * _UNIT_FRAMES, round(RAMP_SECONDS * wav.SAMPLE_RATE)
    frames = array.array("h")
    for n in range(total):
        edge = min(n, total - 1 - n)
        gain = 0.5 - 0.5 * math.cos(math.pi * edge / ramp) if edge < ramp else 1.0
        frames.append(round(_LOUDNESS * gain * math.sin(2 * math.pi * TONE_HZ * n / wav.SAMPLE_RATE)))
    if sys.byteorder == "big":
        frames.byteswap()
    return frames.tobytes()


def _spoken_frames(program: str, text: str) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        # The text goes in by stdin, never as an argument: it may begin with a dash.
        command = [program, "--stdin", "-b", "1", "-w", str(spoken)]
        subprocess.run(  # noqa: S603 - no shell, and nothing of a user's among the arguments
            command, input=text.encode(), check=True, capture_output=True, timeout=_SPEECH_TIMEOUT
        )
        if spoken.exists() and spoken.stat().st_size:
            yield from wav.read(spoken)
        else:  # nothing in it that can be said
            yield wav.silence(morse.WORD_GAP * UNIT_SECONDS)
