"""Agents at work: each host is asked for a picture, with a stand-in for its language model."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from model import DONE, Script, running_model
from workshop import Ran, Workshop

TOOL = "generate_image"
PICTURE: Mapping[str, object] = {"prompt": "a red fox in the snow", "model": "openai/gpt-image-1.5"}
REQUEST = "Draw me a red fox in the snow."
NO_KEY = "none"

Ask = Callable[[Workshop, str], Ran]
"""Asks a host for a picture, with the model at an address."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking: what the host said, and what its model was handed.

    Attributes:
        ran: The host's command.
        script: The model's side.
    """

    ran: Ran
    script: Script

    @property
    def seconds(self) -> float:
        """How long the call lasted, as the model saw it; 0 where it was handed nothing."""
        return self.script.handed - self.script.asked if self.script.handed else 0

    @property
    def finished(self) -> bool:
        """Whether the host went its whole way, and gave the model's last words to the person."""
        return self.ran.status == 0 and bool(self.script.results) and DONE in self.ran.printed

    @property
    def kinds(self) -> str:
        """What the model was handed, in words."""
        received = self.script.received
        picture = any(mark in received for mark in ("image_url", '"image"', "inlineData", "input_image"))
        path = ".webp" in received
        return (
            " and ".join([*(["the picture"] if picture else []), *(["its path"] if path else [])])
            or "nothing"
        )


def ask(shop: Workshop, host: str) -> Asked:
    """Ask one host for a picture of its own: the same call would be answered with another host's picture."""
    with running_model(TOOL, {**PICTURE, "prompt": f"{PICTURE['prompt']}, for {host}"}) as model:
        return Asked(AGENTS[host](shop, model.url), model.script)


def _claude(shop: Workshop, url: str) -> Ran:
    environment = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": NO_KEY,
        "ENABLE_TOOL_SEARCH": "false",
        "MCP_CONNECTION_NONBLOCKING": "false",  # else the first turn may begin before the server has started
    }
    return shop.run(
        *(
            "claude",
            "-p",
            REQUEST,
            "--model",
            "claude-opus-4-5",
            "--allowedTools",
            f"mcp__imagerouter__{TOOL}",
        ),
        environment=environment,
    )


def _codex(shop: Workshop, url: str) -> Ran:
    provider = f'{{name="stand-in",base_url="{url}/v1",wire_api="responses",env_key="MODEL_KEY"}}'
    return shop.run(
        *("codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"),
        *("-c", "model_provider=standin", "-c", f"model_providers.standin={provider}", "-m", "stand-in"),
        *("-c", "mcp_servers.imagerouter.required=true"),  # as for Claude Code
        REQUEST,
        environment={"MODEL_KEY": NO_KEY},
    )


def _gemini(shop: Workshop, url: str) -> Ran:
    settings = shop.home / ".gemini" / "settings.json"
    told = json.loads(settings.read_text("utf-8"))
    settings.write_text(
        json.dumps({**told, "security": {"auth": {"selectedType": "gemini-api-key"}}}), "utf-8"
    )
    return shop.run(
        *("gemini", "-p", REQUEST, "--yolo", "-m", "gemini-2.5-flash"),
        environment={"GEMINI_API_KEY": NO_KEY, "GOOGLE_GEMINI_BASE_URL": url},
    )


def _opencode(shop: Workshop, url: str) -> Ran:
    abilities = {
        "attachment": True,
        "tool_call": True,
        "modalities": {"input": ["text", "image"], "output": ["text"]},
    }
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{url}/v1", "apiKey": NO_KEY},
        "models": {"one": abilities},
    }
    file = shop.home / "stand-in.json"
    file.write_text(json.dumps({"provider": {"standin": provider}}), "utf-8")
    return shop.run(
        "opencode", "run", "-m", "standin/one", REQUEST, environment={"OPENCODE_CONFIG": str(file)}
    )


def _openclaw(shop: Workshop, url: str) -> Ran:
    model = {
        "id": "one",
        "name": "One",
        "input": ["text", "image"],
        "contextWindow": 200_000,
        "maxTokens": 8000,
    }
    provider = {"baseUrl": f"{url}/v1", "apiKey": NO_KEY, "api": "openai-completions", "models": [model]}
    shop.run("openclaw", "config", "set", "models.providers.standin", json.dumps(provider), "--strict-json")
    shop.run("openclaw", "config", "set", "agents.defaults.model.primary", "standin/one")
    session = Path(url).name.rpartition(":")[2]
    return shop.run("openclaw", "agent", "--local", "--session-id", session, "--message", REQUEST)


AGENTS: dict[str, Ask] = {
    "openclaw": _openclaw,
    "claude": _claude,
    "gemini": _gemini,
    "codex": _codex,
    "opencode": _opencode,
}
