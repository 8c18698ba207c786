"""The view in the chat by keyboard alone.

What each key does is tested beside what it does: zoom, comparing and the grid in `test_pictures.py`, painting
in `test_painting.py`, paying in `test_change.py`.
"""

import pytest

from views.conftest import Chats
from views.states import STATES
from views.tab_key import unreached


@pytest.mark.long
async def test_the_tab_key_reaches_all_that_can_be_pressed_in_every_state(chat: Chats) -> None:
    async with chat(page={"reduced_motion": "reduce"}, wait_seconds=1) as page:
        for name, state in STATES.items():
            await page.draw(*await state.make(page.client))
            await state.show(page.view)
            assert (name, await unreached(page.page, page.page.frames[-1])) == (name, [])
