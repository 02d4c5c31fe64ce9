"""What a training leaves to look at: a journal, a loss curve, sheets."""
