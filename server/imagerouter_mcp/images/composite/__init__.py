"""Lay a model's answer back into the picture that it was made from, so that nothing outside a mask changes.

`frame` makes the picture that a model gets. `align` finds that picture in the answer, `match_colours` and
`soft_edge` make the border invisible, `lay_in` puts it all together. Everything here loads Pillow.
"""
