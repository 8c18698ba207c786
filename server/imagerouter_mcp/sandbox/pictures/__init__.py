"""The pictures and videos that the sandbox makes. Knows nothing of HTTP or of the service's errors."""
