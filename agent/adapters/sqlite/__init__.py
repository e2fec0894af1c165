"""The journal on SQLite: one connection writes, readers have their own.

``journal`` writes, ``reading`` reads, ``schema`` lays the tables out, ``eviction`` keeps to the
budget, ``quarantine`` sets a damaged file aside.
"""
