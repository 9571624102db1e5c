"""Measurements and what is made of them; nothing imports this package.

`suite` is the full measurement, records in `results` for each of its `steps`; `report` makes tables, charts and figures
of them. Read `records` first, which says what is in them, and `measure`: taking turns, summaries, the machine.
`methods` has the engine and its peers by name, `networks` and `pictures` what they are measured on.
"""
