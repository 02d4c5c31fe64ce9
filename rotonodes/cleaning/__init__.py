"""Cleaning mattes: small regions, uneven edges, growing and shrinking, and how good an edge is. Arrays in, arrays out; no node code.

A matte here is float32 `[H, W]`, 0 to 1; its shape is where it is 0.5 or more, its edge where it crosses 0.5. The centre of the
pixel in row y and column x lies at (y, x). A pixel that is no number counts as outside; every function leaves its input as it is.
"""
