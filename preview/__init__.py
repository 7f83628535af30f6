"""The page on which one answers the questions of copier.yml and reads the result."""
