"""Mattes: trimaps, alpha, the colours of what is cut out, spill, and how wrong a matte is. Tensors in, tensors out; no node code.

Everywhere a picture is C = a F + (1 - a) B in scene-linear light: the foreground F over the background B, a from 0 to 1.
"""
