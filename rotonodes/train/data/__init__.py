"""Training data: frames kept on disk, varied, and cut into batches."""
