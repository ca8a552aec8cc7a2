"""`python -m docs.generate` writes the pages; with `--pictures` the pictures too."""

import sys

from docs.generate import draw_pictures, write_pages

write_pages()
if "--pictures" in sys.argv[1:]:
    draw_pictures()
