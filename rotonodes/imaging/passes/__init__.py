"""Render passes: their usual names, cryptomatte, the camera, the key light."""
