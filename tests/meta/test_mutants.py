"""Every mutant can still be seeded, and its tests are still there: ``make mutants`` itself takes minutes."""

import ast

import pytest

from tests.mutants.catalogue import AREAS
from tests.mutants.mutant import Mutant
from tests.mutants.places import NoPlace, Product, modules_of_tests

MUTANTS = [mutant for mutants in AREAS.values() for mutant in mutants]


@pytest.fixture(scope="module")
def product():
    return Product()


@pytest.fixture(scope="module")
def modules():
    return modules_of_tests()


def test_there_are_sixty_mutants_with_keys_of_their_own():
    assert len({mutant.key for mutant in MUTANTS}) == len(MUTANTS) == 60


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.key)
def test_a_mutant_has_one_place_in_the_product_and_tests_that_exist(mutant, product, modules):
    place = product.place_of(mutant)
    source = product.sources[place.path]
    mutated = ast.parse(place.mutated(source, mutant.replacement))
    assert ast.dump(mutated) != ast.dump(ast.parse(source))
    assert mutant.tests
    assert [name for name in mutant.tests if name not in modules] == []


@pytest.mark.parametrize(
    ("function", "text"),
    [
        ("no_such_function", "failures >= RETRIES"),
        ("_try_again", "no such text"),
        ("visible_to", "Team.objects.visible_to(user)"),
    ],
    ids=["no function", "no text", "several functions"],
)
def test_a_mutant_without_one_place_is_refused(function, text, product):
    with pytest.raises(NoPlace, match="stands in"):
        product.place_of(Mutant("key", function, text, "", ()))
