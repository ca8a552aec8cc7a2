"""Where it stands: drawing model -> sheet, by `layout`, with the widths of texts and the places of lines."""
