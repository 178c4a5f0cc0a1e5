"""Click a food in a photo, see its mask, what RveRNet calls it, and why."""
