"""What a run would do: keys, cache, stages, and what is missing."""
