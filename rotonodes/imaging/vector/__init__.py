"""Classes as curves: the borders between them as chains of pixel edges, cubic Bezier curves fitted to those, shapes made of the curves."""
