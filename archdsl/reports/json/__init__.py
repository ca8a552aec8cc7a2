"""Facts -> JSON: one document for each network, the same whatever report was asked for.

document(subject)  the whole of it: `memory` and `for_all` are the parts about bytes and about open sizes
  -> render        its text (`pretty`)
schema             the types of its parts, from which `published` writes docs/reference/report.schema.json
"""
