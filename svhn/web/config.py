"""Settings of the page and its API; importable without FastAPI."""

from dataclasses import dataclass

from svhn.settings import Settings, setting


@dataclass(frozen=True)
class WebConfig(Settings):
    """Where the page is served, and what is asked of it at most.

    Attributes
    ----------
    host : str
        Address to listen on. By default nobody but this machine can connect; there is no login.
    port : int
        0 takes a free one.
    allow_host : tuple of str
        Further names under which the page may be asked for. Others are refused, so that no page of somebody else's
        can point a name of its own at this server (DNS rebinding).
    max_bytes : int
        Of a request's body.
    photo_pixels : int
        A photo with more is refused before it is decoded.
    max_seconds : float
        For one photo, from the moment that it is worked on, and for the arrival of a request's body.
    queue : int
        Requests that wait at most while others are worked on; a further one is told to come back later.
    processes : int
        Photos that are worked on at the same time.
    view_side : int
        Longer side in pixels of the pictures that are shown; results have all pixels.
    """

    host: str = setting("127.0.0.1", help="Address to listen on; there is no login, so keep to this machine.")
    port: int = setting(8000, least=0, most=65535, help="Port to listen on; 0 takes a free one.")
    allow_host: tuple[str, ...] = setting(
        (), metavar="NAME", help="Further name under which the page may be asked for."
    )
    max_bytes: int = setting(64 << 20, least=1 << 10, expert=True, help="Largest upload in bytes.")
    photo_pixels: int = setting(50_000_000, least=1, expert=True, help="Photos with more pixels are refused.")
    max_seconds: float = setting(120.0, above=0, expert=True, help="Longest time for one photo.")
    queue: int = setting(8, least=1, expert=True, help="Requests that may wait; further ones get 429 and Retry-After.")
    processes: int = setting(1, least=1, expert=True, help="Photos worked on at the same time, each by one thread.")
    view_side: int = setting(2000, least=64, expert=True, help="Longer side in pixels of the pictures that are shown.")
