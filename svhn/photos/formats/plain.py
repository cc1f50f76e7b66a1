"""BMP and GIF, of which there is little to know."""

from typing import Any

import numpy as np

from svhn.photos.formats.pillow import PillowFormat


class GifFormat(PillowFormat):
    """GIF: one entry of the palette is transparent."""

    def palette_options(self, palette: np.ndarray) -> dict[str, Any]:
        """Return the transparent entry, where there is one."""
        return {} if (palette[:, 3] == 255).all() else {"transparency": int(palette[:, 3].argmin())}


BMP = PillowFormat("BMP", (".bmp",))
GIF = GifFormat("GIF", (".gif",))
