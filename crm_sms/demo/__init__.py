"""The main job played through: a fortnight of texts on a simulated clock, checked from outside."""
