"""Clips: motion vectors, and labels held steady along them."""
