"""SQLAlchemy's tests, collected as its README.dialects.rst says."""

from sqlalchemy.testing.suite import *
