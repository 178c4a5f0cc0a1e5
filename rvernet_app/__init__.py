"""Click a food in a photo, see its mask, what RveRNet calls it, and why."""

import os

from rvernet_app.environment import prepare

prepare(os.environ)  # before any other import
