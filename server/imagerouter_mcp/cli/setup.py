"""What a command works with: the person's settings, or those of a sandbox inside this process."""

from collections.abc import Generator
from contextlib import contextmanager

from imagerouter_mcp.settings import Settings, load_settings


@contextmanager
def chosen_settings(*, sandbox: bool) -> Generator[Settings]:
    """The settings for one command.

    Args:
        sandbox: Whether to make pictures with a stand-in; its records stay apart from the person's gallery.

    Raises:
        ConfigurationError: A variable has a value that it cannot have.
    """
    if not sandbox:
        yield load_settings()
        return
    from imagerouter_mcp.sandbox.service.accounts import KEY  # noqa: PLC0415 - only who tries it out pays for it
    from imagerouter_mcp.sandbox.service.asgi import build_app  # noqa: PLC0415 - as above
    from imagerouter_mcp.sandbox.service.serve import running_sandbox  # noqa: PLC0415 - as above

    with running_sandbox(build_app()) as stand_in:
        settings = load_settings(api_key=KEY, base_url=stand_in.base_url, popular_url=stand_in.popular_url)
        yield settings.model_copy(update={"data_dir": settings.data_dir / "sandbox"})
