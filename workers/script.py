"""What may be rendered: the limits on a list of lines, and the one check that holds them."""

from __future__ import annotations

#: Lines in one rendering; each becomes a step.
MAX_LINES = 200
#: Characters in one line.
MAX_LINE_LENGTH = 500
#: Characters in all lines together. In Morse code at the speed used here this is at most six hours of sound.
MAX_CHARACTERS = 20_000


class BadScript(ValueError):
    """Raised when a list of lines cannot be rendered; `where` is a JSON pointer to the place, below the list."""

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(message)
        self.where = where


def check_script(value: object) -> list[str]:
    """Return the lines when they may be rendered, and say what is wrong with them otherwise."""
    if not isinstance(value, list):
        raise BadScript(f"must be a list of strings, not {json_type(value)}")
    if not value:
        raise BadScript("must hold at least one line")
    if len(value) > MAX_LINES:
        raise BadScript(f"holds {len(value)} lines; at most {MAX_LINES} are allowed")
    for index, line in enumerate(value):
        _check_line(line, f"/{index}")
    total = sum(map(len, value))
    if total > MAX_CHARACTERS:
        raise BadScript(f"holds {total} characters; at most {MAX_CHARACTERS} are allowed in all lines together")
    return value


def json_type(value: object) -> str:
    """Name a value's type as JSON names it, for people who sent JSON."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def check_text(value: str, where: str = "") -> None:
    """Refuse the two kinds of character that files, programs and UTF-8 cannot carry."""
    if "\0" in value:
        raise BadScript("holds a NUL character", where)
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise BadScript("holds half of a surrogate pair, which is not a character", where)


def _check_line(line: object, where: str) -> None:
    if not isinstance(line, str):
        raise BadScript(f"must be a string, not {json_type(line)}", where)
    if len(line) > MAX_LINE_LENGTH:
        raise BadScript(f"is {len(line)} characters long; at most {MAX_LINE_LENGTH} are allowed", where)
    check_text(line, where)
