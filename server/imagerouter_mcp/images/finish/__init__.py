"""Finish pictures without a model: crop, resize, convert, sets of icons, collages, animations."""
