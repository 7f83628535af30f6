"""What the page asks: the questions of copier.yml, in their words."""

from typing import Any, TypedDict

from questionnaire import Questionnaire, has_choices, write_answer
from steps import Condition, Context, Step

# The hidden value of copier.yml that holds the answers of an earlier copy.
EARLIER = "earlier"


class Choice(TypedDict):
    """One of the answers to a question.

    Attributes:
        value: As it is written after `--data`.
        label: What it is called.
        needs: When it is offered; empty if always.
    """

    value: str
    label: str
    needs: str


class Asked(TypedDict):
    """A question.

    Attributes:
        name: Its name in copier.yml.
        title: The question itself.
        help: What there is to know about it.
        default: The answer when nothing is said.
        fixed: Whether an update refuses another answer than that of the first copy.
        choices: The answers; none for free text.
    """

    name: str
    title: str
    help: str
    default: str
    fixed: bool
    choices: list[Choice]


def list_questions(questionnaire: Questionnaire) -> list[Asked]:
    """Return what a user is asked, in this order."""
    defaults = questionnaire.combine()[0]
    earlier = {name: defaults[name] for name in questionnaire.questions}
    after_a_copy = {step.name: step for step in questionnaire.walk({EARLIER: earlier})}
    questions: list[Asked] = []
    for step in questionnaire.walk():
        question = questionnaire.questions.get(step.name)
        if question is None:
            continue
        said = questionnaire.render(question.get("help", ""), step.contexts[0])
        title, _, rest = said.partition("\n")
        later = after_a_copy[step.name]
        asked = [earlier["name"] for earlier in questions]
        questions.append(
            {
                "name": step.name,
                "title": title,
                "help": " ".join(rest.split()),
                "default": write_answer(defaults[step.name]),
                "fixed": _is_fixed(questionnaire, step, later, defaults),
                "choices": _list_choices(questionnaire, step, asked),
            }
        )
    return questions


def _list_choices(
    questionnaire: Questionnaire, step: Step, asked: list[str]
) -> list[Choice]:
    if not has_choices(questionnaire.questions[step.name]):
        return []
    labels = questionnaire.get_labels(step)
    return [
        {
            "value": write_answer(value),
            "label": labels[value],
            "needs": _describe(step.find_condition(value, asked)),
        }
        for value in step.values
    ]


def _describe(condition: Condition | None) -> str:
    if condition is None:
        return ""
    if condition.name is None:
        return "other answers"
    return f"{condition.name}: {' or '.join(map(write_answer, condition.answers))}"


def _is_fixed(
    questionnaire: Questionnaire, step: Step, later: Step, defaults: Context
) -> bool:
    """Whether the answer of the first copy is the only one that is left."""
    question: dict[str, Any] = questionnaire.questions[step.name]
    if has_choices(question):
        return len(later.values) < len(step.values)
    other = later.contexts[0] | {step.name: f"{defaults[step.name]}s"}
    return questionnaire.render(question.get("validator", ""), other).strip() != ""
