"""Remembers the ids of tokens until they expire, so that none is accepted twice (CH-208)."""

import threading
import time
from collections.abc import Callable

from cachetools import TLRUCache

MOST = 200_000
Share = Callable[[str, str, float], bool | None]


def nobody_else(_issuer: str, _jti: str, _until: float) -> None:
    """No memory is shared with other processes."""
    return


class UsedTokens:
    """The memory of this process, and through `share` that of all processes.

    share: (issuer, jti, until) -> whether it is new to all of them, None when they cannot be asked.
    """

    def __init__(self, share: Share = nobody_else, now: Callable[[], float] = time.time) -> None:
        self._share, self._now = share, now
        self._lock = threading.Lock()
        self._seen: TLRUCache[tuple[str, str], float] = TLRUCache(MOST, lambda _, until, __: until, now)

    def first_use(self, issuer: str, jti: str, until: float) -> bool:
        """Whether the id is new, which it is no more afterwards. until: seconds since 1970."""
        with self._lock:
            if (issuer, jti) in self._seen:
                return False
            self._seen[issuer, jti] = until
        return self._share(issuer, jti, until) is not False
