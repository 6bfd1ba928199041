"""Curated content and how a Vietnamese question finds its entry. Imports none of the other packages."""
