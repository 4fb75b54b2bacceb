"""A folder that says what has been run: for each part its whole log, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.soak.courses import Part

#: How much of the log of one that failed is shown.
_LAST_LINES = 25


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one part."""

    command: str
    #: None when it was ended because it took too long.
    code: int | None
    took_s: float
    figures: list[str]
    #: Of the tree that it was run in, with a plus when something in it had not been committed.
    commit: str
    #: How often it was begun before and did not end well.
    failed_before: int

    @property
    def held(self) -> bool:
        return self.code == 0

    @property
    def row(self) -> str:
        said = "held" if self.held else "TOOK TOO LONG" if self.code is None else f"FAILED, code {self.code}"
        again = f"; failed or cut off {self.failed_before} times before" if self.failed_before else ""
        figures = "; ".join(line.strip().replace("|", " ") for line in self.figures)
        return f"| `{self.command}` | {said}{again}: {figures} | {self.took_s:.0f} | {self.commit} |"


class Book:
    """Outcomes by command. One that is cut off leaves a log and no outcome."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def log(self, part: Part) -> Path:
        """What it printed, its figures last."""
        return self.folder / f"{part.file}.log"

    def noise(self, part: Part) -> Path:
        """What it and its servers wrote to the standard error."""
        return self.folder / f"{part.file}.err"

    def outcome(self, part: Part) -> Outcome | None:
        try:
            return Outcome(**json.loads(self._page(part).read_text()))
        except FileNotFoundError:
            return None

    def done(self, part: Part) -> bool:
        outcome = self.outcome(part)
        return outcome is not None and outcome.held

    def begin(self, part: Part) -> Path:
        """Where its log goes; what is there of an earlier run that did not end well is kept beside it."""
        log = self.log(part)
        if log.exists():
            log.rename(log.with_suffix(f".{self._failed_before(part) + 1}.log"))
        self._page(part).unlink(missing_ok=True)
        return log

    def end(self, part: Part, code: int | None, took_s: float, commit: str) -> Outcome:
        lines, noise = (_lines(each(part)) for each in (self.log, self.noise))
        figures = lines[-part.lines :] if code == 0 else lines[-_LAST_LINES:] + noise[-_LAST_LINES:]
        outcome = Outcome(part.command, code, took_s, figures, commit, self._failed_before(part))
        draft = self._page(part).with_suffix(".draft")
        draft.write_text(json.dumps(asdict(outcome), indent=1))
        draft.replace(self._page(part))
        return outcome

    def table(self, title: str, parts: Sequence[Part]) -> str:
        """What came of these, also kept in the folder."""
        rows = [outcome.row if (outcome := self.outcome(part)) else _not_run(part) for part in parts]
        text = "\n".join([title, "", "| command | result | s | commit |", "|---|---|---|---|", *rows, ""])
        (self.folder / "figures.md").write_text(text)
        return text

    def _page(self, part: Part) -> Path:
        return self.folder / f"{part.file}.json"

    def _failed_before(self, part: Part) -> int:
        return len(list(self.folder.glob(f"{part.file}.[0-9]*.log")))


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(errors="replace").splitlines() if line.strip()] if path.exists() else []


def _not_run(part: Part) -> str:
    return f"| `{part.command}` | not run yet | | |"
