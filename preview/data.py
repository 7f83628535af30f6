"""What the page knows: every variant, and each distinct file once."""

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from preview.highlight import highlight
from preview.questions import list_questions
from questionnaire import ANSWERS_FILE, Questionnaire, write_answer
from render_example import SOURCE, forget_where_it_was_rendered
from steps import Context
from support.rendering import is_the_layers
from support.results import fingerprint

# Returns the project of a variant, rendered.
Find = Callable[[Context], Path]
# What the tests found: see `support/results.py`.
Results = Mapping[str, Mapping[str, Any]]

# Shown first, if it is there: what the user writes, or else what that stands on.
FIRST = ("app/notes.py", "app/db/session.py")
# Where `copier copy` renders to: a new folder, or that of an existing service.
NEW, EXISTING = "my-api", "."
# The answers that the round trips of a request depend on.
PAIR = ("mode", "driver")


def pack(data: dict[str, Any]) -> str:
    """Return data as base64 of what `DecompressionStream("deflate")` takes."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), level=9)).decode()


def collect(
    questionnaire: Questionnaire, find: Find, results: Results
) -> dict[str, Any]:
    """Return all that the page shows.

    Args:
        questionnaire: The copier.yml.
        find: Returns the project of a variant, rendered.
        results: What the tests found.
    """
    questions = list_questions(questionnaire)
    varied = [question["name"] for question in questions if question["choices"]]
    contexts = questionnaire.combine()
    defaults = {name: contexts[0][name] for name in questionnaire.questions}
    passed, counted = (results.get(name, {}) for name in ("passed", "round_trips"))
    variants: list[dict[str, Any]] = []
    for context in contexts:
        answers = {name: context[name] for name in defaults}
        pair = {name: answers[name] for name in PAIR if name in answers}
        project = find(answers)
        variants.append(
            {
                "answers": [write_answer(answers[name]) for name in varied],
                "destination": EXISTING if context.get("is_layer") else NEW,
                "files": sorted(read_project(project).items()),
                "tests": passed.get(fingerprint(project)),
                "roundTrips": counted.get(fingerprint(find(defaults | pair))),
            }
        )
    # Files with the same path follow each other, which compresses better.
    files = sorted({file for variant in variants for file in variant["files"]})
    numbers = {file: number for number, file in enumerate(files)}
    for variant in variants:
        variant["files"] = [numbers[file] for file in variant["files"]]
    return {
        "source": SOURCE,
        "first": FIRST,
        "questions": questions,
        "files": [
            {
                "path": path,
                "layer": is_the_layers(path),
                "html": highlight(path, text),
            }
            for path, text in files
        ],
        "variants": variants,
    }


def read_project(project: Path) -> dict[str, str]:
    """Return the text of each file of a project, as if it came from a release."""
    files = {
        path.relative_to(project).as_posix(): path.read_bytes().decode()
        for path in project.glob("**/*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    if ANSWERS_FILE in files:
        files[ANSWERS_FILE] = forget_where_it_was_rendered(files[ANSWERS_FILE])
    return files
