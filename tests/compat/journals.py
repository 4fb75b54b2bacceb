"""The recordings: one file for each shape, in a folder for each release."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.compat.frozen import Frozen, freeze
from tests.compat.shapes import HAPPENS, RECORDED
from tests.simulation.benches import RedisBench
from tests.simulation.faulty import Actor
from tests.simulation.ledger import LEDGER
from tests.simulation.world import ROOT, Shape, World

JOURNALS = Path(__file__).parent / "journals"
#: At how many moments each shape is recorded, beside the one after its creation.
CUTS = 5
#: What changes nothing that a release would leave to the next one.
_QUIET = ("beat", "sweep")


class Filmed(World):
    """A history of which every moment is kept."""

    film: list[Frozen]

    def observed(self, actor: Actor, verb: str, args: tuple[Any, ...], call: Any) -> Any:
        answer = super().observed(actor, verb, args, call)
        if verb not in _QUIET:
            assert isinstance(self.bench, RedisBench)
            self.film.append(freeze(self.bench, f"call {len(self.film)}, {verb}", LEDGER.recorded))
        return answer


def record(shape: Shape, bench: RedisBench) -> list[Frozen]:
    """A shape, played without a fault, at moments spread over it; not the last one, where nothing is left to do."""
    world = Filmed(bench, shape, HAPPENS.get(shape.name, {}))
    world.film = []
    world.play().check_end()
    film = world.film[:-1]
    if shape.name in HAPPENS:  # before it has happened it is another story
        film = [each for each in film if "cx" in each.keys[f"r:{ROOT}"]]
    return [film[len(film) * cut // (CUTS + 1)] for cut in range(CUTS + 1)]


def write(folder: Path, bench: RedisBench) -> None:
    """Record every shape."""
    folder.mkdir(parents=True)
    for shape in RECORDED:
        cuts = [asdict(cut) for cut in record(shape, bench)]
        (folder / f"{shape.name.replace(' ', '_')}.json").write_text(json.dumps(cuts, indent=1, ensure_ascii=False))


def recordings() -> list[tuple[str, Shape, Frozen]]:
    """Everything that was ever recorded: the release, the shape, the moment."""
    shapes = {shape.name.replace(" ", "_"): shape for shape in RECORDED}
    return [
        (path.parent.name, shapes[path.stem], Frozen(**cut))
        for path in sorted(JOURNALS.glob("*/*.json"))
        for cut in json.loads(path.read_text())
    ]
