"""A questionnaire yields every combination of answers, whatever stands between them."""

from pathlib import Path
from typing import Any

import pytest

from questionnaire import Questionnaire

COPIER_YML = """
_envops: {trim_blocks: true}
_external_data: {answers: "{{ _copier_conf.answers_file }}"}

migrations: {type: bool, default: false}
earlier: {type: yaml, when: false, default: "{{ _external_data.answers or {} }}"}
found:
  type: yaml
  when: false
  default: "{{ (_copier_conf.dst_path / 'x') | string | fileglob }}"
mode:
  type: str
  choices:
    Sync: sync
    Async: async
    Other:
      value: other
      validator: "{% if not found %}Not at a first copy.{% endif %}"
  default: async
is_async: {type: bool, when: false, default: "{{ mode == 'async' }}"}
name: {type: str, default: "{{ 'An' if is_async else 'A' }} {{ mode }} API"}
"""
FIRST_COPY: dict[str, Any] = {"earlier": {}, "found": []}


@pytest.fixture
def questionnaire(tmp_path: Path) -> Questionnaire:
    """A questionnaire with hidden values between its questions."""
    (tmp_path / "copier.yml").write_text(COPIER_YML, encoding="utf-8")
    return Questionnaire(tmp_path / "copier.yml")


def expect(migrations: bool, mode: str) -> dict[str, Any]:
    is_async = mode == "async"
    name = "An async API" if is_async else "A sync API"
    answers = {"migrations": migrations, "mode": mode, "name": name}
    return FIRST_COPY | answers | {"is_async": is_async}


def test_it_combines_all_answers_and_computes_the_rest(
    questionnaire: Questionnaire,
) -> None:
    combined = [
        {name: value for name, value in context.items() if not name.startswith("_")}
        for context in questionnaire.combine()
    ]

    assert combined == [
        expect(migrations=False, mode="async"),
        expect(migrations=False, mode="sync"),
        expect(migrations=True, mode="async"),
        expect(migrations=True, mode="sync"),
    ]


def test_an_answer_that_is_given_is_the_only_one(questionnaire: Questionnaire) -> None:
    given = {"mode": "sync", "name": "Mine"}

    combined = questionnaire.combine(given)

    assert [context["migrations"] for context in combined] == [False, True]
    assert all(context.items() >= given.items() for context in combined)


def test_it_asks_what_is_not_hidden(questionnaire: Questionnaire) -> None:
    assert list(questionnaire.questions) == ["migrations", "mode", "name"]
