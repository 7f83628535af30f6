"""The page and its data, in a folder that a browser can open."""

import shutil
from pathlib import Path

from preview.data import Find, Results, collect, pack
from questionnaire import Questionnaire

PAGE = Path(__file__).with_name("page")


def build(
    site: Path, questionnaire: Questionnaire, find: Find, results: Results
) -> None:
    """Write the page of a template.

    Args:
        site: The folder to write; what is in there goes.
        questionnaire: The template's copier.yml.
        find: Returns the project of a variant, rendered.
        results: What the tests found.
    """
    data = pack(collect(questionnaire, find, results))
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(PAGE, site)
    # A script, because a page that is opened as a file may not fetch one.
    script = f'"use strict";\n\nconst PACKED =\n  "{data}";\n'
    (site / "data.js").write_text(script, "utf-8")
