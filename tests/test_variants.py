"""The variants: all that the rules allow, and few that hold every pair of answers."""

from itertools import combinations, product

import pytest

from support.variants import QUESTIONS, all_variants, is_varied, pairwise, variant_id

# A driver serves these modes.
MODES = {
    "psycopg": {"async", "sync"},
    "asyncpg": {"async"},
    "psycopg2": {"sync"},
}


def test_all_variants_are_the_product_of_the_answers_that_go_together() -> None:
    expected = {
        (scaffold, mode, driver, runtime, models, migrations, metrics)
        for scaffold, mode, driver, runtime, models, migrations, metrics in product(
            ("app", "layer"),
            ("async", "sync"),
            MODES,
            ("server", "serverless"),
            ("sqlalchemy", "sqlmodel"),
            (True, False),
            ("prometheus", "opentelemetry", "none"),
        )
        if mode in MODES[driver]
    }

    variants = all_variants()

    names = [name for name in QUESTIONS if is_varied(name)]
    assert {tuple(answers[name] for name in names) for answers in variants} == expected
    assert len(variants) == len(expected) == 192


def test_the_first_variant_is_that_of_the_defaults() -> None:
    assert all_variants()[0] == {
        "project_name": "My API",
        "package": "app",
        "scaffold": "app",
        "mode": "async",
        "driver": "psycopg",
        "runtime": "server",
        "models": "sqlalchemy",
        "migrations": True,
        "metrics": "prometheus",
    }


def test_every_valid_pair_of_answers_occurs_in_the_pairwise_variants() -> None:
    variants = all_variants()

    chosen = pairwise(variants)

    for one, other in combinations(QUESTIONS, 2):
        valid = {(answers[one], answers[other]) for answers in variants}
        covered = {(answers[one], answers[other]) for answers in chosen}
        assert covered == valid, f"{one} and {other}"


def test_the_pairwise_variants_are_few_and_valid_and_always_the_same() -> None:
    variants = all_variants()

    chosen = pairwise(variants)

    assert all(answers in variants for answers in chosen)
    assert len(chosen) <= 16
    assert chosen == pairwise(variants)


@pytest.mark.parametrize("name", [name for name in QUESTIONS if is_varied(name)])
def test_every_choice_that_copier_yml_names_occurs(name: str) -> None:
    question = QUESTIONS[name]

    occurring = {answers[name] for answers in all_variants()}

    if question["type"] == "bool":
        assert occurring == {True, False}
    elif isinstance(question["choices"], dict):
        choices = question["choices"].values()
        assert occurring == {
            choice["value"] if isinstance(choice, dict) else choice
            for choice in choices
        }
    else:
        assert len(occurring) > 1
        assert all(f": {answer}\n" in question["choices"] for answer in occurring)


def test_each_variant_has_an_id_of_its_own() -> None:
    ids = [variant_id(answers) for answers in all_variants()]

    assert ids[0] == "app-async-psycopg-server-sqlalchemy-migrations-prometheus"
    assert len(set(ids)) == len(ids)
