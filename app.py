"""Serve the page: `python app.py`, as Hugging Face Spaces does. Options come from RVERNET_* variables."""

import sys

from rvernet_app.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["serve"]))
