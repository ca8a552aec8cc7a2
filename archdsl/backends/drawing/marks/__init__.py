"""How it looks: sheet -> marks -> SVG. `painter` picks shapes and colours, `svg` writes them."""
