"""What a service may be asked, and by whom."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from dim_trt.pictures.limit import Limits

__all__ = ["Settings", "is_loopback"]

MAX_PIXELS = 2**26  # 8192x8192: a picture of 67 megapixels takes a gigabyte while it is matted
LOOPBACK_NAMES = frozenset({"localhost"})


@dataclass(frozen=True)
class Settings:
    """How a service behaves.

    Args:
        token: what requests must show (`Authorization: Bearer …`); None lets everybody in.
        host: the address it listens on.
        names: further host names that it is reached by.
        limits: of pictures, before they are decoded.
        max_body_bytes: of a request.
        queue: how many requests may be waited for, computed ones included; more are refused as busy.
        pictures: how many pictures are held in memory to be painted on; the one unused longest makes room.
        pictures_bytes: memory of all these together.
        idle_s: how long such a picture is held after it was used.
        header_s: how long a client may take for the head of a request.
        body_s: and for its body, beside what `bytes_per_s` gives it.
        bytes_per_s: the slowest client.
        send_s: how long a client may read nothing of a response.
        connections: how many are open at most.
        stop_s: how long what runs has when the service is stopped.
    """

    token: str | None = None
    host: str = "127.0.0.1"
    names: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=lambda: Limits(MAX_PIXELS))
    max_body_bytes: int = 64 << 20
    queue: int = 16
    pictures: int = 8
    pictures_bytes: int = 1 << 30
    idle_s: float = 3600.0
    header_s: float = 10.0
    body_s: float = 15.0
    bytes_per_s: float = 64e3
    send_s: float = 30.0
    connections: int = 512
    stop_s: int = 60

    @property
    def held_bytes(self) -> int:
        """Of the bodies of all requests together."""
        return 4 * self.max_body_bytes

    def is_own_name(self, name: str) -> bool:
        """Whether a request may be for this host. A site that had its own name lead here (DNS rebinding) is told by
        that name; an address leads nowhere else."""
        if name in LOOPBACK_NAMES | self.names or name == self.host:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
