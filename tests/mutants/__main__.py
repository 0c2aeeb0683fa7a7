"""``python -m tests.mutants``: seed each fault in a copy of the tree and see whether a test of its list fails."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence

from tests.mutants.catalogue import AREAS
from tests.mutants.mutant import Mutant
from tests.mutants.places import NoPlace, Product
from tests.mutants.trial import BaselineFailed, Outcome, Trial, Verdict

TOLD_CHARACTERS = 160


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--list", action="store_true", help="show the mutants and run nothing")
    parser.add_argument("--only", nargs="+", metavar="KEY", help="try these alone")
    asked = parser.parse_args()
    every = {mutant.key: mutant for mutants in AREAS.values() for mutant in mutants}
    if unknown := set(asked.only or ()) - set(every):
        parser.error(f"there is no mutant {', '.join(sorted(unknown))}")
    if asked.list:
        return show(AREAS)
    return try_out([mutant for key, mutant in every.items() if not asked.only or key in asked.only])


def show(areas: Mapping[str, Sequence[Mutant]]) -> int:
    for area, mutants in areas.items():
        print(f"{area}:")
        for mutant in mutants:
            print(f"  {mutant.key}: {mutant.function}: {mutant.text!r} becomes {mutant.replacement!r}")
    return 0


def try_out(mutants: Sequence[Mutant]) -> int:
    began = time.monotonic()
    try:
        product = Product()
        for mutant in mutants:
            product.place_of(mutant)
        with Trial(mutants) as trial:
            count = trial.prove_tests()
            print(f"mutants: the {count} tests pass without them ({time.monotonic() - began:.0f} s)", flush=True)
            verdicts = [tell(outcome) for outcome in trial.outcomes()]
    except (NoPlace, BaselineFailed) as error:
        print(f"{error}\nmutants: nothing was tried", file=sys.stderr)
        return 1
    caught = verdicts.count(Verdict.CAUGHT)
    print(f"mutants: {caught} of {len(mutants)} caught ({time.monotonic() - began:.0f} s)", flush=True)
    return 0 if caught == len(mutants) else 1


def tell(outcome: Outcome) -> Verdict:
    text = outcome.text if outcome.verdict == Verdict.BROKEN else outcome.text[:TOLD_CHARACTERS]
    print(f"{outcome.verdict:8} {outcome.mutant.key} ({outcome.seconds:.1f} s) {text}", flush=True)
    return outcome.verdict


if __name__ == "__main__":
    sys.exit(main())
