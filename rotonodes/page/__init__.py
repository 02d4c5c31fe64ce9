"""The live page: a server on this machine that shows a graph, its pictures, and writes edits back into its file."""
