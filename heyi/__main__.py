"""``python -m heyi``."""

from heyi.cli import main

main()
