"""`python -m rvernet_app`: the same engine without a browser."""

import sys

from rvernet_app.cli.main import main

sys.exit(main())
