"""The main job from end to end, on data that needs no download: `python -m graphfeed demo`."""
