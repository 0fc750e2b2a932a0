"""What stands between agent and collector answers wrongly, or cuts the connection at the worst moment."""

import time
from typing import Final

from tests.faults.proxy import FAULTS, Proxy
from tests.faults.trial import Options, Result, Trial

_RATE: Final = 3000
_SECONDS_MIN: Final = 10.0
_SECONDS_MAX: Final = 60.0
_SHIP: Final = "  retry_min: 50ms\n  retry_max: 1s\n  refused_wait: 200ms\n"


def answers(options: Options) -> Result:
    """Every kind of fault happens at least twice; one of them after the batch was committed."""
    proxy = Proxy(options.seed)
    try:
        with Trial("answers: a faulty way there", options, agent_url=proxy.url, agent_ship=_SHIP) as trial:
            proxy.target_port = trial.stand.port
            trial.start()
            writer = trial.writer(_RATE)
            proxy.is_faulty = True
            began = time.monotonic()
            while time.monotonic() < began + (_SECONDS_MAX if _is_missing(proxy) else _SECONDS_MIN):
                trial.tell(f"{proxy.happened.total()} faults")
                time.sleep(0.1)
            trial.stand.agent.kill()
            proxy.forgive()
            trial.stand.agent.start()
            time.sleep(1.0)
            proxy.is_faulty = False
            writer.finish()
            trial.facts += [f"{kind} {count}" for kind, count in sorted(proxy.happened.items())]
            trial.expect(not _is_missing(proxy), "not every kind of fault has happened twice")
            trial.expect(not proxy.early, f"{proxy.early} requests came before the end of a Retry-After")
            result = trial.conclude()
            rejected = trial.status()["spool"]["rejected"]
            return result._replace(wrong=(*result.wrong, f"{rejected} events were set aside")) if rejected else result
    finally:
        proxy.close()


def _is_missing(proxy: Proxy) -> bool:
    return any(proxy.happened[kind] < 2 for kind in FAULTS)
