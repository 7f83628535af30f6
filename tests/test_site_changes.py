"""The page of `make site` shows what an update changes, and the command for it."""

import random
import re
from collections.abc import Callable
from difflib import ndiff

import pytest

from preview.data import read_project
from questionnaire import write_answer
from support.site import SEED, Page
from support.variants import Render, all_variants, is_varied, variant_id

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("site")]

Record = Callable[[str, object], None]


def test_the_changes_lead_from_one_file_to_the_other(
    page: Page, render: Render, record_property: Record
) -> None:
    before, after = random.Random(SEED).sample(all_variants(), 2)
    olds, news = (read_project(render(**answers)) for answers in (before, after))
    given = ",".join(
        f"{name}:{write_answer(before[name])}" for name in before if is_varied(name)
    )

    page.open_answers(after, **{"view": "changes", "from": given})

    expected = {
        path: [olds.get(path, ""), news.get(path, "")]
        for path in olds.keys() | news.keys()
        if olds.get(path) != news.get(path)
    }
    ids = f"from {variant_id(before)} to {variant_id(after)}"
    assert page.read_changes() == expected, f"seed {SEED}: {ids}"
    changed = sum(map(int, re.findall(r"[+−](\d+)", page.get_text("#changes"))))  # noqa: RUF001
    assert changed <= sum(count_changes(*texts) for texts in expected.values())
    record_property("table", f"site: {len(expected)} files compared {ids}")


def count_changes(before: str, after: str) -> int:
    """Return how many lines Python's own comparison removes and adds."""
    lines = before.splitlines(), after.splitlines()
    return sum(line[0] in "+-" for line in ndiff(*lines))


def test_a_switch_is_compared_with_the_answers_before(page: Page) -> None:
    page.open("mode=sync")

    page.choose("driver", "psycopg2")
    page.find("#base option[value=before]").click()
    first = page.get_text("#base option:checked"), page.get_command("Switch")
    page.choose("runtime", "serverless")
    second = page.get_text("#base option:checked"), page.get_command("Switch")

    update = "uvx copier update --defaults --data"
    assert first == ("the answers before: sync", f"{update} driver=psycopg2")
    assert second == (
        "the answers before: sync, psycopg2",
        f"{update} runtime=serverless",
    )
    assert page.chrome.current_url.endswith("&from=mode:sync,driver:psycopg2")


def test_no_update_is_offered_that_copier_refuses(page: Page) -> None:
    page.open("scaffold=layer")

    assert page.get_text("#commands p") == (
        "SwitchNo update changes scaffold: a copy fixes it."
    )
