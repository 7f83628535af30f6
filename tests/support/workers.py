"""What the workers of pytest-xdist share: the first that needs it makes it."""

from contextlib import suppress
from pathlib import Path


def publish(folder: Path, place: Path) -> Path:
    """Move a folder to its place, where another worker may have been faster."""
    with suppress(OSError):
        folder.rename(place)
    return place
