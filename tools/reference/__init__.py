"""The references in docs/ that are made from the source, so that they can't say anything else: `make docs` writes them."""
