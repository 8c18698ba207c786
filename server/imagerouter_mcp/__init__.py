"""Let any LLM agent make and edit pictures through ImageRouter.

Follow one prompt: `tools.generate_image` → `generation.run` → `generation.plan` → `api.client` →
`generation.deliver` → `gallery` → `tools.generation_result`.
"""

__version__ = "0.1.0"
