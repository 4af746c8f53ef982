"""Nonces that were used: a signed request is taken once. Pure; times are seconds of one wall clock.

Asked only after a signature was found right, so strangers can't fill it. A nonce is remembered for as long as its signature could
be taken (`keep_s`); the next start remembers none. Each key has room of its own, so that one organization can't use up
another's. Where a key's room is full the oldest nonce is forgotten, and from then on nothing signed at its second or before is
taken: a replay never is, what is signed later always. That takes `capacity` good signatures within `keep_s`, 4,000 a second
with the usual settings.
"""

import hashlib
from collections import OrderedDict

CAPACITY = 65_536  # nonces of one key, about 250 bytes each


class NonceCache:
    """What was used, per key. A nonce is kept as a digest: its length costs nothing."""

    def __init__(self, keep_s: float, capacity: int = CAPACITY) -> None:
        self._keep_s = keep_s
        self._capacity = capacity
        self._used: dict[str, _Used] = {}

    def take(self, key: str, nonce: str, created_s: int, now_s: float) -> bool:
        """Use a nonce; False where it was used before, or may have been. The caller has verified key and signature."""
        used = self._used.setdefault(key, _Used())
        used.forget_before(now_s)
        return used.take(nonce, created_s, now_s + self._keep_s, self._capacity)

    def __len__(self) -> int:
        """How many are kept."""
        return sum(len(used.kept) for used in self._used.values())


class _Used:
    """Of one key: digest → (the signature's second, when it may be forgotten), the first used first."""

    def __init__(self) -> None:
        self.kept: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._horizon_s = -1  # signatures of this second and before can't be told from replays

    def forget_before(self, now_s: float) -> None:
        while self.kept and next(iter(self.kept.values()))[1] < now_s:
            self.kept.popitem(last=False)

    def take(self, nonce: str, created_s: int, until_s: float, capacity: int) -> bool:
        digest = hashlib.blake2b(nonce.encode(), digest_size=16).digest()
        if digest in self.kept or created_s <= self._horizon_s:
            return False
        if len(self.kept) >= capacity:
            _, (forgotten_s, _) = self.kept.popitem(last=False)
            self._horizon_s = max(self._horizon_s, forgotten_s)
        self.kept[digest] = (created_s, until_s)
        return True
