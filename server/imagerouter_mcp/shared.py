"""Build what all people of a process use together, each part when it is first needed."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING

from anyio import to_thread

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.settings import Settings, load_object_store_settings

if TYPE_CHECKING:
    from pydantic import SecretStr

    from imagerouter_mcp.api.catalogue import Catalogue
    from imagerouter_mcp.api.client import ImageRouterClient
    from imagerouter_mcp.api.popularity import Popularity
    from imagerouter_mcp.database.leases import Leases
    from imagerouter_mcp.database.postgres import PostgresServer
    from imagerouter_mcp.database.rate_limit_pauses import KeyPause
    from imagerouter_mcp.fetch import Fetcher
    from imagerouter_mcp.gallery.object_store import ObjectStore
    from imagerouter_mcp.generation.calls.keys_in_use import KeysInUse
    from imagerouter_mcp.generation.descriptors import Descriptors
    from imagerouter_mcp.people.api_keys import ApiKeys
    from imagerouter_mcp.people.register import People
    from imagerouter_mcp.sign_in.issuer import Issuer
    from imagerouter_mcp.sign_in.sign_in import SignIn


class Configured:
    """Parts that need settings.

    Args:
        settings: The settings, or the error in them, which every use then reports.
    """

    def __init__(self, settings: Settings | ConfigurationError) -> None:
        self._settings = settings

    @property
    def settings(self) -> Settings:
        """The settings.

        Raises:
            ConfigurationError: They cannot be used.
        """
        if isinstance(self._settings, ConfigurationError):
            raise self._settings
        return self._settings


class Shared(Configured):
    """What all people of a process use together: connections, the model list, the queue of the key.

    Args:
        settings: The operator's settings, or the error in them, which every use then reports.
    """

    def __init__(self, settings: Settings | ConfigurationError) -> None:
        super().__init__(settings)
        self.people: People | None = None
        """The register of people; None if there is only one person."""
        self.api_keys: ApiKeys | None = None
        """People's own ImageRouter keys; None if they may not pay with them."""

    @cached_property
    def sign_in(self) -> "SignIn":
        """The stores of sign-in, for several people."""
        from imagerouter_mcp.sign_in.sign_in import open_sign_in

        return open_sign_in(self.settings, lambda: self._document_fetcher, self.postgres)

    @cached_property
    def _document_fetcher(self) -> "Fetcher":
        """Downloads what clients name at sign-in, never from a private address."""
        from imagerouter_mcp.addresses import Policy
        from imagerouter_mcp.fetch import Fetcher

        return Fetcher(Policy(), self.settings.stall_seconds)

    @cached_property
    def issuer(self) -> "Issuer | None":
        """The provider that people sign in with, or whose tokens their apps send."""
        address = self.settings.openid_issuer or self.settings.jwt_issuer
        if address is None:
            return None
        from imagerouter_mcp.sign_in.issuer import Issuer

        return Issuer(address, lambda: self._issuer_fetcher)

    @cached_property
    def _issuer_fetcher(self) -> "Fetcher":
        """Asks the provider that the operator names; on a private network only if they allow that."""
        from imagerouter_mcp.addresses import Policy
        from imagerouter_mcp.fetch import Fetcher

        policy = Policy(allow_private=self.settings.allow_private_issuer)
        return Fetcher(policy, self.settings.stall_seconds)

    @cached_property
    def catalogue(self) -> "Catalogue":
        """The model list."""
        from imagerouter_mcp.api.catalogue import Catalogue

        return Catalogue(self._fetch_models)

    @cached_property
    def popularity(self) -> "Popularity":
        """The models by how much they are used."""
        from imagerouter_mcp.api.popularity import Popularity

        return Popularity(self._fetch_popular, self.catalogue)

    @cached_property
    def client(self) -> "ImageRouterClient":
        """ImageRouter's endpoints.

        Raises:
            ConfigurationError: The API key or the proxy settings cannot be used.
        """
        from imagerouter_mcp.api.client import ImageRouterClient
        from imagerouter_mcp.api.http import ServiceHTTP

        service = ServiceHTTP(self._http, self.settings.key, self.settings.stall_seconds)
        return ImageRouterClient(service, self.settings)

    @cached_property
    def fetcher(self) -> "Fetcher":
        """Downloads, without the API key."""
        from imagerouter_mcp.addresses import Policy, origin_of
        from imagerouter_mcp.fetch import Fetcher

        policy = Policy(origin_of(self.settings.base_url), self.settings.allow_private_urls)
        return Fetcher(policy, self.settings.stall_seconds)

    @cached_property
    def descriptors(self) -> "Descriptors":
        """How many files may be open."""
        from imagerouter_mcp.generation.descriptors import Descriptors

        return Descriptors()

    @cached_property
    def keys(self) -> "KeysInUse":
        """The API keys that calls are paid with."""
        from imagerouter_mcp.generation.calls.keys_in_use import KeysInUse

        return KeysInUse(self.client, self.settings.key, self.settings.concurrency, self._shared_pause())

    def _shared_pause(self) -> "Callable[[SecretStr], KeyPause] | None":
        """Return what knows when any server may use a key again; None if there is only this one."""
        if self.postgres is None:
            return None
        from imagerouter_mcp.database.rate_limit_pauses import KeyPause
        from imagerouter_mcp.gallery.signed_links import link_secret

        return partial(KeyPause, self.postgres, link_secret(self.settings))

    @cached_property
    def _http(self):  # noqa: ANN202 - only api/ and fetch.py name httpx
        from imagerouter_mcp.fetch import http_client

        return http_client()

    @cached_property
    def postgres(self) -> "PostgresServer | None":
        """Where all galleries are kept; None if each is in a file.

        Raises:
            ConfigurationError: It is named, but its driver is not installed.
        """
        if self.settings.database_url is None:
            return None
        from imagerouter_mcp.database.opening import postgres_server

        return postgres_server(self.settings.database_url)

    @cached_property
    def objects(self) -> "ObjectStore | None":
        """Where all files are kept; None if each is in a folder.

        Raises:
            ConfigurationError: It is named, but its client is not installed, or its settings are wrong.
        """
        if self.settings.object_store is None:
            return None
        try:
            from imagerouter_mcp.gallery.object_store import open_object_store
        except ModuleNotFoundError:
            raise ConfigurationError(
                "IMAGEROUTER_OBJECT_STORE is set, but the package obstore is not installed.",
                "Install imagerouter-mcp[team].",
            ) from None
        address = self.settings.object_store
        return open_object_store(address, load_object_store_settings().of(address))

    @cached_property
    def leases(self) -> "Leases | None":
        """Which servers are at work on the database; None without one."""
        if self.postgres is None:
            return None
        from imagerouter_mcp.database.leases import Leases

        return Leases(self.postgres, self.settings.lease_seconds)

    async def _fetch_models(self) -> object:
        return await self.client.models()

    async def _fetch_popular(self) -> object:
        return await self.client.popular()

    def stop(self) -> None:
        """Send nothing more."""
        if "keys" in self.__dict__:
            self.keys.stop()

    async def close(self) -> None:
        """Close all connections."""
        built = self.__dict__
        if "sign_in" in built:
            self.sign_in.close()
        if "_document_fetcher" in built:
            await self._document_fetcher.aclose()
        if "_issuer_fetcher" in built:
            await self._issuer_fetcher.aclose()
        if "_http" in built:
            await self._http.aclose()
        if "fetcher" in built:
            await self.fetcher.aclose()
        if built.get("leases"):
            await to_thread.run_sync(built["leases"].release)
        if built.get("postgres"):
            await to_thread.run_sync(built["postgres"].close)
