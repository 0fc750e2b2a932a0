import asyncio

from watchbook.memory import keep_giving_back_memory


async def test_memory_is_given_back_again_and_again_where_the_system_can_take_it() -> None:
    task = asyncio.get_running_loop().create_task(keep_giving_back_memory())
    done, _ = await asyncio.wait([task], timeout=0.05)
    assert not done or task.exception() is None
    task.cancel()
