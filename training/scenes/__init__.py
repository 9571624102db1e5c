"""Pictures with known alpha, drawn by rules.

Out: `Scene` (image, alpha, colors, trimap) from a random generator. Read `drawing` first: it puts a foreground over a
background as a camera would see both. `families` and `hair` paint the foregrounds with `shapes`, `textures` the colors,
`trimap` draws what a hand would. `python -m training.scenes` writes a contact sheet.
"""
