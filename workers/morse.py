"""International Morse code (ITU-R M.1677-1): which signals a text is, and how long each lasts.

Everything here is pure; `sound.py` makes the tones. A dash is three dots long, the space inside a letter one,
between letters three, between words seven.
"""

from __future__ import annotations

import unicodedata

DOT, DASH = 1, 3
SIGNAL_GAP, LETTER_GAP, WORD_GAP = 1, 3, 7

# fmt: off
CODE = {
    "A": ".-", "B": "-...", "C": "-.-.", "D": "-..", "E": ".", "É": "..-..", "F": "..-.", "G": "--.", "H": "....",
    "I": "..", "J": ".---", "K": "-.-", "L": ".-..", "M": "--", "N": "-.", "O": "---", "P": ".--.", "Q": "--.-",
    "R": ".-.", "S": "...", "T": "-", "U": "..-", "V": "...-", "W": ".--", "X": "-..-", "Y": "-.--", "Z": "--..",
    "1": ".----", "2": "..---", "3": "...--", "4": "....-", "5": ".....",
    "6": "-....", "7": "--...", "8": "---..", "9": "----.", "0": "-----",
    ".": ".-.-.-", ",": "--..--", ":": "---...", "?": "..--..", "'": ".----.", "-": "-....-", "/": "-..-.",
    "(": "-.--.", ")": "-.--.-", '"': ".-..-.", "=": "-...-", "+": ".-.-.", "×": "-..-", "@": ".--.-.",  # noqa: RUF001
}
# fmt: on

#: Typographers' signs, heard as the plain ones.
_PLAIN = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2010": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
    }
)


def words(text: str) -> list[list[str]]:
    """Split a text into words of letters, each letter as its dots and dashes.

    What has no code (spaces, most signs, other scripts) is skipped and ends the word, so it is heard as a gap.
    """
    found: list[list[str]] = [[]]
    for character in unicodedata.normalize("NFC", text.translate(_PLAIN)).upper():
        letters = _letters(character)
        if letters:
            found[-1].extend(letters)
        elif found[-1]:
            found.append([])
    return [word for word in found if word]


def signals(text: str) -> list[tuple[bool, int]]:
    """Spell a text as (sounding, units of one dot), in order; a text without any code is one gap between words."""
    spelled: list[tuple[bool, int]] = []
    for word in words(text):
        spelled += [(False, WORD_GAP)] if spelled else []
        for letter_number, letter in enumerate(word):
            spelled += [(False, LETTER_GAP)] if letter_number else []
            for mark_number, mark in enumerate(letter):
                spelled += [(False, SIGNAL_GAP)] if mark_number else []
                spelled.append((True, DOT if mark == "." else DASH))
    return spelled or [(False, WORD_GAP)]


def units(text: str) -> int:
    """Count how many dots long a text is, without a gap after it."""
    return sum(length for _, length in signals(text))


def _letters(character: str) -> list[str]:
    if character in CODE:
        return [CODE[character]]
    # An accented letter without a code of its own is sent as its plain letter, a ligature as its letters.
    return [CODE[part] for part in unicodedata.normalize("NFKD", character) if part in CODE]
