"""Layer 5: graph -> text. One folder for each target; none knows of another."""
