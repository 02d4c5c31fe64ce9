"""Clips: motion vectors, and tones stabilized along them."""
