"""Training data: frames stored on disk, augmented, and cut into batches."""
