"""Everyday jobs without writing YAML: each is a graph, which `--print-graph` shows and the engine runs."""
