"""An ImageRouter stand-in over real HTTP, for trying and testing offline.

It answers as the service was observed to: spaces as heartbeats, errors with status 200, results at URLs of
its own. Follow one request: `app` → `generation` → `uploads` → `requests` → `drawing` or `editing` →
`delivery`. It costs nothing, and every picture carries the mark "sandbox". Nothing is enforced that would
only be in the way: of the rate limits, the key's own and the daily number of free pictures count, not the
address's.
"""
