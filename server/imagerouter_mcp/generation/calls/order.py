"""Turn an order into plans to send: choose models, open sources, check limits, reserve money."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal

from anyio import to_thread

from imagerouter_mcp.api.catalogue import Catalogue
from imagerouter_mcp.api.popularity import Popularity
from imagerouter_mcp.errors import BudgetError
from imagerouter_mcp.gallery.entries import Reservation
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.generation.allowance import Allowance
from imagerouter_mcp.generation.calls.named_prices import NamedPrices
from imagerouter_mcp.generation.delivery import Delivery
from imagerouter_mcp.generation.destinations import Destinations
from imagerouter_mcp.generation.planning.background import cheapest_remover, remover_for
from imagerouter_mcp.generation.planning.checks import check_different
from imagerouter_mcp.generation.planning.limits import check_order, check_permitted, does_not_fit
from imagerouter_mcp.generation.planning.model_choice import WORDS, ModelChoice, Preference
from imagerouter_mcp.generation.planning.plan import Plan, choose_model, make_plan, plan_cut_out
from imagerouter_mcp.generation.planning.prices import Estimate, estimate, total
from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.generation.sources import OpenSources, Sources
from imagerouter_mcp.money import Exceeded
from imagerouter_mcp.people.personal_limits import Limits
from imagerouter_mcp.settings import Settings


class Planner:
    """Plans orders; whatever can be refused without asking the service is refused here.

    Args:
        settings: The person's models and limits.
        catalogue: The model list.
        popularity: Ranks the models.
        sources: Opens source images.
        destinations: Says where results go.
        delivery: Checks that they can be stored there, and keeps the sources of masked edits.
        journal: Drops generations that are not needed.
        allowance: Says what the person may use, and reserves money.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        catalogue: Catalogue,
        popularity: Popularity,
        sources: Sources,
        destinations: Destinations,
        delivery: Delivery,
        journal: Journal,
        allowance: Allowance,
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._popularity = popularity
        self._sources = sources
        self._destinations = destinations
        self._delivery = delivery
        self._journal = journal
        self._allowance = allowance
        self._named = NamedPrices()

    async def expected_cost(self, order: Order) -> Estimate | None:
        """Return what an order may cost, judging by its models; None if the list does not say.

        Raises:
            ImageRouterError: It would be refused.
        """
        choices = await self._choose(order)
        listing = self._catalogue.peek()
        removers = (remover_for(request, choices[request.model].known, listing) for request in order.requests)
        made = (choices[request.model].entry for request in order.requests)
        return total(estimate(entry) for entry in (*made, *filter(None, removers)))

    async def dry_run(self, order: Order) -> list[Plan]:
        """Return the plan of the first request, and of the step that follows it, without sending anything.

        Raises:
            ImageRouterError: It would be refused.
        """
        request = order.requests[0]
        choices = await self._choose(order)
        async with self._sources.opened(request) as sources, AsyncExitStack() as opened:
            plans = await self._plan([request], ["", ""], choices, sources, opened)
        self._named.note(order, plans * len(order.requests))
        return plans

    async def prepare(
        self, order: Order, handles: Sequence[str], opened: AsyncExitStack
    ) -> tuple[list[Plan], list[Decimal], OpenSources]:
        """Do everything that comes before the first request is sent.

        Args:
            order: The order.
            handles: The generations' handles, one for each of `Order.generations`.
            opened: Keeps the source images open.

        Returns:
            A plan and the reserved amount in USD for each generation, and the sources. Generations of steps
            that are not needed are removed; they come last.

        Raises:
            ImageRouterError: It is refused.
        """
        choices = await self._choose(order)
        sources = await opened.enter_async_context(self._sources.opened(order.requests[0]))
        plans = await self._plan(order.requests, handles, choices, sources, opened)
        if order.confirmed:
            order = replace(order, agreed_usd=self._named.last(order))
        try:
            amounts, exceeded = await to_thread.run_sync(self._commit, order, handles, plans, sources)
        except BudgetError:  # its message names the price
            self._named.note(order, plans)
            raise
        if exceeded:
            raise does_not_fit(exceeded, plans, sum(amounts, Decimal()))
        return plans, amounts, sources

    def _commit(
        self, order: Order, handles: Sequence[str], plans: Sequence[Plan], sources: OpenSources
    ) -> tuple[list[Decimal], Exceeded | None]:
        """Check limits and folders, keep what delivery needs, and reserve the money, all in one thread.

        Returns:
            The amount for each plan in USD, and the budget that they exceed, if any.

        Raises:
            ImageRouterError: The price is above a limit, or the results could not be stored.
        """
        amounts = check_order(self._settings, order, plans, self._allowance.limits())
        self._delivery.prepare(plans[0].destination)
        if sources.whole and sources.mask:
            pictures = handles[: len(order.requests)]
            self._delivery.keep_source(pictures, sources.whole.file, sources.mask.file)
        if needless := handles[len(plans) :]:
            self._journal.drop(needless)
        reservations = [
            Reservation(handle=handle, model=plan.model, usd=amount, plan=plan.to_json())
            for handle, plan, amount in zip(handles[: len(plans)], plans, amounts, strict=True)
        ]
        return amounts, self._allowance.reserve(reservations, own_key=bool(order.key))

    async def prepare_step(
        self, handle: str, plan: Plan, picture: str, opened: AsyncExitStack
    ) -> tuple[Plan, OpenSources]:
        """Open the picture that a second step works on, and write that into the journal.

        Args:
            handle: The handle of the step's generation.
            plan: The step's plan.
            picture: The picture's handle.
            opened: Keeps the picture open.

        Raises:
            ImageRouterError: It cannot be used.
        """
        request = Request(prompt="", images=(picture,))
        sources = await opened.enter_async_context(self._sources.opened(request))
        plan = replace(plan, origins=sources.origins, notes=sources.notes)
        await to_thread.run_sync(self._journal.replan, handle, plan.to_json())
        return plan, sources

    async def _choose(self, order: Order) -> dict[str, ModelChoice]:
        """Return the chosen model for each text that the requests give as their model."""
        limits = await self._allowance.present_limits()
        preference = self._preference(limits)
        choices: dict[str, ModelChoice] = {}
        for request in order.requests:
            if request.model not in choices:
                automatic = request.model.strip().lower() in WORDS
                popular = await self._popularity.known_ids() if automatic else ()
                listing = await self._catalogue.known()
                if automatic and listing:
                    listing = listing.restricted(limits.permits)
                choices[request.model] = choose_model(
                    request, listing, popular, preference, unread=self._catalogue.unread
                )
        check_permitted(limits, [choice.id for choice in choices.values()], self._catalogue.peek())
        if order.tool == "compare_models":
            check_different(choices)
        return choices

    def _preference(self, limits: Limits) -> Preference:
        """Return the configured models that the person may use, and the limit of "auto"."""
        settings = self._settings
        model, edit_model, video_model = (
            named if named and limits.permits(named) else None
            for named in (settings.model, settings.edit_model, settings.video_model)
        )
        return Preference(model, edit_model, video_model, settings.auto_max_usd)

    async def _plan(
        self,
        requests: Sequence[Request],
        handles: Sequence[str],
        choices: dict[str, ModelChoice],
        sources: OpenSources,
        opened: AsyncExitStack,
    ) -> list[Plan]:
        """Return a plan for each request, then one for each step that follows one of them."""
        destinations = await self._destinations.series(requests[0], len(requests))
        listing = self._catalogue.peek()
        masked = sources.masked
        plans = [
            make_plan(
                request,
                choices[request.model],
                response_format=self._settings.response_format,
                destination=place,
                source=sources.size,
                masked=masked,
                origins=sources.origins,
                fetched=sources.fetched,
                source_notes=sources.notes,
                listed=listing is not None,
                remover=cheapest_remover(listing),
            )
            for request, place in zip(requests, destinations, strict=True)
        ]
        for plan in plans:
            if plan.cut:
                await sources.cut_out(plan.cut, opened)
        steps: list[Plan] = []
        for number, request in enumerate(requests):
            if remover := remover_for(request, choices[request.model].known, listing):
                plans[number], step = plan_cut_out(request, plans[number], handles[number], remover)
                steps.append(step)
        return [*plans, *steps]
