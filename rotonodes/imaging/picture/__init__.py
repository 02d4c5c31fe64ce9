"""Pictures: cropped, resampled, composited, painted, laid out on sheets."""
