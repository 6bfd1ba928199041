"""How often something may be done, per key, in this process."""

from __future__ import annotations

import time
from collections import OrderedDict


class RateLimit:
    """At most ``per_minute`` per key in any minute; remembers a bounded number of keys."""

    def __init__(self, per_minute: int, keys: int = 20_000) -> None:
        self._per_minute = per_minute
        self._keys = keys
        self._seen: OrderedDict[str, list[float]] = OrderedDict()

    def allows(self, key: str) -> bool:
        """Count one and say whether it is within the limit."""
        now = time.monotonic()
        times = [at for at in self._seen.pop(key, []) if now - at < 60]
        allowed = len(times) < self._per_minute
        if allowed:
            times.append(now)
        self._seen[key] = times
        while len(self._seen) > self._keys:
            self._seen.popitem(last=False)
        return allowed
