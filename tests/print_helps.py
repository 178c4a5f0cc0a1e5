"""Print the help of many commands as JSON, from one process, so that torch is imported once.

Standard input is a list of argument lists, each a module and words, e.g. [["rvernet_app", "predict"]]. The reply has
one text for each; it is "" if the command does not exist or knows no `--help`.
"""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import sys
import warnings


def help_of(module: str, words: list[str]) -> str:
    """Return what `python -m MODULE WORDS --help` prints."""
    printed = io.StringIO()
    sys.argv = [module, *words, "--help"]
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        try:
            runpy.run_module(module, run_name="__main__")
        except SystemExit as ended:
            return "" if ended.code else printed.getvalue()
        except ImportError:
            return ""
    return printed.getvalue()


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # runpy warns of a module that another one has imported
    print(json.dumps([help_of(module, words) for module, *words in json.load(sys.stdin)]))
