"""What the workers of pytest-xdist share: whoever is first makes it."""

from contextlib import suppress
from pathlib import Path


def publish(folder: Path, place: Path) -> Path:
    """Move a folder to its place, where another worker may have been faster."""
    with suppress(OSError):
        folder.rename(place)
    return place
