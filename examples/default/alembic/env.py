"""What Alembic runs. How it connects is in `app/db/migrations.py`."""

from app.db.migrations import run_migrations
from app.models import Base

target_metadata = Base.metadata

run_migrations(target_metadata)
