"""``strongroom demo``: the main job on embedded defaults. ``files/`` is what a user would write."""
