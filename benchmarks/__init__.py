"""Measurements and what is made of them; nothing imports this package.

`suite` is the full measurement, a record in `results` for each step; `report` makes tables and charts of them. Read
`measure` first: taking turns, summaries, the machine. `methods` has the engine and its peers by name, `networks`
and `pictures` what they are measured on.
"""
