"""A process for one question: for what takes minutes, and memory that no worker should keep.

These are exports to a file, and back-tests of rules.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from collector.problem import ApiProblem
from collector.processes.child import Child, ChildGoneError, Recipe
from collector.processes.frames import FrameError
from collector.processes.replies import busy, question_head, result_of
from collector.processes.roster import Roster

_WORDS: Final = {"backtest": "back-test"}


async def ask_alone(
    kind: str, recipe: Recipe, roster: Roster, question: str, parameters: Mapping[str, object]
) -> bytes:
    """Return the answer of a process that is started for it; raises ApiProblem.  Cancelled, the process is killed."""
    limits, what = recipe.limits, _WORDS.get(question, "export")
    try:
        child = await Child.start(kind, recipe)
    except OSError as error:
        raise busy(f"no process for the {what} can be started: {error}") from error
    try:
        with roster.listed(f"{kind}-{question}", child):
            async with asyncio.timeout(limits.export_deadline):
                await child.receive_ready()
                await child.send(question_head(1, question, parameters))
                frame = await child.receive()
                while frame.head.get("id") != 1:
                    frame = await child.receive()
            await child.end(limits.stop_time)
    except FrameError as error:
        raise ApiProblem(413, "query", f"the query is too large: {error}") from error
    except ChildGoneError as error:
        raise busy(f"the process of the {what} died: {error}") from error
    except TimeoutError as error:
        limit = f"{limits.export_deadline:g} s ('processes.export_deadline')"
        raise busy(f"the {what} was not done within {limit}: narrow it") from error
    finally:
        child.kill()
    result = result_of(frame)
    if isinstance(result, ApiProblem):
        raise result
    return result
