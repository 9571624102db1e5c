"""Picture files and what is made of pictures.

In: files, folders and patterns. Out: arrays [height, width(, 3 BGR)], and cutouts and composites written back. Read
`files` first: every picture comes in and goes out there. `limit` refuses large ones by their headers, `folders` pairs
files by name, `composite` mixes colors with alpha.
"""
