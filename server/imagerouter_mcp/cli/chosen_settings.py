"""Choose a command's settings: the person's own, or those of a sandbox inside this process."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from imagerouter_mcp.settings import Settings, load_settings


@contextmanager
def chosen_settings(*, sandbox: bool) -> Generator[Settings]:
    """Yield the settings for one command.

    Args:
        sandbox: Whether to use a sandbox, which runs until the block ends. Its records stay apart from the
            person's gallery.

    Raises:
        ConfigurationError: A variable has an invalid value.
    """
    if not sandbox:
        yield load_settings()
        return
    from imagerouter_mcp.sandbox.service.accounts import KEY  # noqa: PLC0415 - only `--sandbox` needs it
    from imagerouter_mcp.sandbox.service.asgi import build_app  # noqa: PLC0415 - as above
    from imagerouter_mcp.sandbox.service.serve import running_sandbox  # noqa: PLC0415 - as above
    from imagerouter_mcp.sandbox.service.special_models import with_special_models  # noqa: PLC0415 - as above

    with running_sandbox(build_app(models=with_special_models())) as running:
        settings = load_settings(api_key=KEY, base_url=running.base_url)
        apart = {"data_dir": sandbox_records(settings), "database_url": None, "object_store": None}
        yield settings.model_copy(update={**apart, "sandbox": True})


def sandbox_records(settings: Settings) -> Path:
    """Return the folder for a sandbox's records, apart from the person's own."""
    return settings.data_dir / "sandbox"
