"""``python -m tests.arrows``: who imports whom, between the rooms and between the subjects of each room.

Prints each arrow with its number of imports, top floor first. Exit status 1 if there is a circle, or if a room imports
from a floor above it (pyproject.toml, "the floors of the house").
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
Arrows = Counter[tuple[str, str]]


def main() -> int:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    graph = grimp.build_graph(*contracts["root_packages"])
    floors = next(one["layers"] for one in contracts["contracts"] if one["name"] == "the floors of the house")
    place = {room: number for number, floor in enumerate(floors) for room in floor.split(" | ")}
    rooms = arrows(graph, depth=1)
    ordered = ((below, above) for below, above in rooms if below in place and above in place)
    problems = [f"{below} imports {above}" for below, above in ordered if place[above] < place[below]]
    problems += show("the house", rooms)
    for room in contracts["root_packages"]:
        inside = Counter({pair: number for pair, number in arrows(graph, depth=2).items() if in_room(room, pair)})
        problems += show(room, inside)
    print("\n".join(problems) or "no circle, and no arrow upwards")
    return bool(problems)


def arrows(graph: grimp.ImportGraph, depth: int) -> Arrows:
    """The imports between folders ``depth`` levels below the root; modules of a folder above them are in none."""
    found: Arrows = Counter()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            ends = (folder_of(module, depth), folder_of(imported, depth))
            if all(ends) and ends[0] != ends[1]:
                found[ends] += 1
    return found


def folder_of(module: str, depth: int) -> str:
    parts = module.split(".")[:depth]
    return ".".join(parts) if len(parts) == depth and ROOT.joinpath(*parts).is_dir() else ""


def in_room(room: str, pair: tuple[str, str]) -> bool:
    return all(end.startswith(f"{room}.") for end in pair)


def show(name: str, found: Arrows) -> list[str]:
    """Prints the arrows. Returns the circle among them, if any."""
    if not found:
        return []
    print(name)
    below: dict[str, set[str]] = {}
    for start, end in found:
        below.setdefault(start, set()).add(end)
    try:
        order = [*TopologicalSorter(below).static_order()][::-1]
    except CycleError as error:
        return [f"circle: {' -> '.join(error.args[1])}"]
    for start in order:
        print(*lines(start, found), sep="\n", end="\n" if start in below else "")
    print()
    return []


def lines(start: str, found: Arrows) -> Iterator[str]:
    ends = sorted((end, number) for (begin, end), number in found.items() if begin == start)
    if ends:
        yield f"  {start} -> " + ", ".join(f"{end} ({number})" for end, number in ends)


if __name__ == "__main__":
    sys.exit(main())
