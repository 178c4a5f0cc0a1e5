"""What the gate lets through, as numbers and names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from rvernet_app.config import AppConfig, is_loopback
from rvernet_app.ui.gate.bodies import MEGABYTE, Pace
from rvernet_app.ui.gate.doors import Kind
from rvernet_app.ui.gate.forwarded import EVERYONE
from rvernet_app.ui.gate.hosts import Hosts
from rvernet_app.ui.gate.policy import FRAMES_OF_SPACES
from rvernet_app.ui.gate.uploads import Space

ALL_INTERFACES = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Rules:
    """Limits of the gate.

    Attributes:
        proxies: addresses of trusted reverse proxies.
        frames: other sites that may show the page in a frame.
        limits: most bytes of a body, by the kind of request.
        held: most bytes of all calls that are in memory at once.
        calls: calls of one visitor at once; further ones wait.
        waiting: calls of one visitor that may wait.
        calls_in_all: calls of all visitors, under way and waiting.
        streams: open streams of one visitor.
        streams_in_all: open streams of all visitors.
    """

    hosts: Hosts
    proxies: tuple[str, ...]
    frames: str
    limits: Mapping[Kind, int]
    space: Space
    pace: Pace = field(default_factory=Pace)
    held: int = 200 * MEGABYTE
    calls: int = 10
    waiting: int = 100
    calls_in_all: int = 2000
    streams: int = 100
    streams_in_all: int = 4000

    @classmethod
    def of(cls, config: AppConfig, environ: Mapping[str, str] = os.environ) -> Rules:
        """Return the rules of a server: on a Space, for this machine, or for others."""
        is_space = "SPACE_ID" in environ
        names = [*listed(config.hosts), *listed(environ.get("SPACE_HOST", "") if is_space else "")]
        if config.host not in ALL_INTERFACES:
            names.append(config.host)
        return cls(
            hosts=Hosts(names, any_address=not is_loopback(config.host)),
            # A Space can be reached through the platform's proxy only, whose address is not known.
            proxies=(EVERYONE,) if is_space else tuple(listed(config.proxies)),
            frames=FRAMES_OF_SPACES if is_space else "",
            limits={
                Kind.CALL: 8 * MEGABYTE,
                Kind.UPLOAD: int(config.max_photo_mb * MEGABYTE) + MEGABYTE // 10,
                Kind.SIGN_IN: 20_000,
            },
            space=Space(
                each=int(config.visitor_upload_mb * MEGABYTE),
                in_all=int(config.all_uploads_mb * MEGABYTE),
                free=int(config.min_free_mb * MEGABYTE),
            ),
        )


def listed(text: str) -> list[str]:
    """Return the parts of a text between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
