"""Lines of a drawing, from the passes of a render: where they run, how they are joined and smoothed, how they are drawn."""
