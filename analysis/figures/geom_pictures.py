"""A plotnine layer of small pictures."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def geom_pictures() -> Any:
    """A geom that draws the picture whose number is in the aesthetic `picture` around x and y.

    Its parameters are `pictures`, a sequence of RGB arrays (height, width, 3), uint8, and `side`, that of the
    square that a picture fills, in units of both axes. The class is made here because importing plotnine is
    slow.
    """
    from matplotlib.image import AxesImage
    from plotnine.geoms.geom import geom

    class GeomPictures(geom):
        # plotnine declares these as variables of instances, and reads them from the class.
        REQUIRED_AES = {"x", "y", "picture"}  # noqa: RUF012
        DEFAULT_PARAMS = {  # noqa: RUF012
            "stat": "identity",
            "position": "identity",
            "na_rm": False,
            "pictures": (),
            "side": 1.0,
        }

        def draw_panel(self, data: Any, panel_params: Any, coord: Any, ax: Any) -> None:
            half = self.params["side"] / 2
            rows = coord.transform(data, panel_params)
            for x, y, number in zip(rows["x"], rows["y"], rows["picture"], strict=True):
                image = AxesImage(
                    ax,
                    origin="upper",
                    extent=(x - half, x + half, y - half, y + half),
                    interpolation="antialiased",
                    zorder=self.params["zorder"],
                )
                image.set_data(self.params["pictures"][int(number)])
                ax.add_image(image)

    return GeomPictures
