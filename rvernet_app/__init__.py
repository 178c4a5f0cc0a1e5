"""Click a food in a photo, see its mask, what RveRNet calls it, and why."""

import os

from rvernet_app.environment import drop_empty

drop_empty(os.environ)  # here, because some libraries read their variables when they are imported
