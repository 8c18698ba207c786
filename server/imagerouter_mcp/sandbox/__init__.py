"""An ImageRouter stand-in over real HTTP, for trying and testing offline.

It answers as the service was observed to: spaces as heartbeats, errors with status 200, results at URLs of
its own. `service/` is its HTTP behaviour, `pictures/` draws what it answers. Every picture carries the mark
"sandbox", and nothing costs real money.
"""
