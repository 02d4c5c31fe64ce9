"""Training in plain torch: labelled frames in, a Model out."""
