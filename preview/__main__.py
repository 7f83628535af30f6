"""Build the page of the template as it is in the working tree: `make site`."""

from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

from preview.build import build
from preview.picture import take_picture
from questionnaire import Questionnaire
from steps import Context
from support.rendering import copy_template, render_variant
from support.results import read_results
from support.variants import ROOT, variant_id

SITE = ROOT / "site"
PICTURE = ROOT / "docs" / "site.webp"


def main() -> None:
    """Render every variant, and write the page."""
    parser = ArgumentParser(prog="python -m preview", description=__doc__)
    parser.add_argument("--picture", action="store_true", help=f"write {PICTURE.name}")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="db-connection-") as name:
        folder = Path(name)
        template = folder / "template"
        copy_template(template)

        def find(answers: Context) -> Path:
            project = folder / variant_id(answers)
            if not project.exists():
                render_variant(template, project, answers)
            return project

        build(SITE, Questionnaire(template / "copier.yml"), find, read_results())
    size = sum(path.stat().st_size for path in SITE.iterdir())
    if options.picture:
        take_picture(SITE, PICTURE)
    print(f"{SITE.as_uri()}/index.html ({size / 1000:,.0f} kB)")


if __name__ == "__main__":
    main()
