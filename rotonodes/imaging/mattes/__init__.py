"""Mattes: trimaps, alpha, foreground colours, spill, specks, edges. Arrays or tensors in and out; no node code.

A picture is C = a F + (1 - a) B in scene-linear light: the foreground F over the background B, with alpha a from 0 to 1. A matte as an
array is float32 `[H, W]`, 0 to 1; its shape is where it is 0.5 or more, its edge is where it crosses 0.5. The centre of the pixel in
row y and column x lies at (y, x). NaN counts as outside. No function modifies its input.
"""
