"""A paid call from request to result: plan, prepare the folder, open the sources, send, deliver."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from anyio import to_thread

from imagerouter_mcp.api.wire import GenerationAnswer, Upload
from imagerouter_mcp.errors import InvalidRequestError, InvalidSourceError
from imagerouter_mcp.generation.deliver import Job, deliver, prepare_destination
from imagerouter_mcp.generation.plan import Plan, for_example, make_plan
from imagerouter_mcp.generation.recall import find_image, is_handle
from imagerouter_mcp.generation.request import Generation, ImageRequest, Progress, silent
from imagerouter_mcp.generation.studio import Studio
from imagerouter_mcp.images.sources import SourceImage


@dataclass(frozen=True, slots=True)
class Sources:
    """What a request builds on, open for sending."""

    images: tuple[SourceImage, ...] = ()
    mask: SourceImage | None = None

    @property
    def origins(self) -> tuple[str, ...]:
        """What a record calls them."""
        return tuple(source.origin for source in (*self.images, *((self.mask,) if self.mask else ())))


async def generate(studio: Studio, request: ImageRequest, progress: Progress = silent) -> Generation:
    """Make one picture and put it where it belongs.

    Everything that can be refused is refused before the service is asked.

    Args:
        studio: The process's parts.
        request: What is asked for.
        progress: Told at the start and at each sign of life.

    Raises:
        ImageRouterError: It did not work; the sentence says whether money was spent.
    """
    studio.client.require_key()
    plan = make_plan(
        request,
        await studio.known_models(),
        default_model=studio.settings.model,
        response_format=studio.settings.response_format,
    )
    destination = await to_thread.run_sync(prepare_destination, request, studio)
    async with _open_sources(studio, request) as sources:
        await progress(f"Asking {plan.model}")
        answer = await _send(studio, request, plan, sources, progress)
    return await deliver(studio, Job(request, plan, destination, sources.origins), answer)


@asynccontextmanager
async def _open_sources(studio: Studio, request: ImageRequest) -> AsyncGenerator[Sources]:
    async with AsyncExitStack() as opened:

        async def source(text: str) -> SourceImage:
            found = await studio.sources.open(await _resolved(studio, text))
            opened.callback(found.file.close)
            return found

        images = [await source(text) for text in request.images]
        yield Sources(tuple(images), await source(request.mask) if request.mask else None)


async def _resolved(studio: Studio, text: str) -> str:
    """A handle's file; anything else as it is."""
    if not is_handle(text):
        return text
    image, _ = await find_image(studio, text)
    if image.path is None or not image.path.is_file():
        raise InvalidSourceError(
            f"The file of {image.handle} is not there any more.",
            f"Call show_image with {image.handle} to fetch it again, or give another picture.",
        )
    return str(image.path)


async def _send(
    studio: Studio, request: ImageRequest, plan: Plan, sources: Sources, progress: Progress
) -> GenerationAnswer:
    async def alive() -> None:
        await progress(f"{plan.model} is working")

    try:
        if not sources.images:
            return await studio.client.generate(plan.fields, alive)
        uploads = [_upload(image) for image in sources.images]
        mask = _upload(sources.mask) if sources.mask else None
        return await studio.client.edit(plan.fields, uploads, mask, alive)
    except InvalidRequestError as error:
        listing = studio.catalogue.peek()
        if listing and not listing.find(plan.model):
            error.remedy = f"Use a model of the list{for_example(request, listing)}."
        raise


def _upload(image: SourceImage) -> Upload:
    return Upload(image.file, image.filename, image.media_type)
