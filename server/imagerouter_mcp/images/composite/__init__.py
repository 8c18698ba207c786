"""Put a model's answer back into the source picture, so that nothing outside a mask changes.

`frame` makes the picture that the model gets. `align` finds that picture in the answer, `match_colours` and
`soft_edge` hide the border, and `lay_in` puts everything together. Everything here loads Pillow.
"""
