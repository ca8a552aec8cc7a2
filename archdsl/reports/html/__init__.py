"""Facts -> one HTML file that works offline: the data of the JSON document, a template, a stylesheet and a script.

data(subject, diagram)  what the page shows: the document in columns, the diagram by numbers of layers, the texts of specs
  -> page, fragment     put together with the templates, `page.css` and `script/*.js`, and what is seen without scripts
  -> folded             a picture and tables alone, of a network that has too many turns for a page
"""

from archdsl.reports.html.page import folded, fragment, page
from archdsl.reports.html.static import tables_html

__all__ = ["folded", "fragment", "page", "tables_html"]
