"""Let any LLM agent make and edit pictures through ImageRouter.

Follow one prompt: `tools.generate_image` → `generation.calls.run` → `generation.planning.plan` →
`api.client` → `generation.delivery` → `gallery` → `tools.generation_result`.
"""

__version__ = "0.1.0"
