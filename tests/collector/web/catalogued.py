"""The shipped catalogues, as the collector loads them."""

from watchbook.catalogue import Catalogues, load_catalogues
from watchbook.shipped import shipped_folder

FOLDER = shipped_folder("config") / "catalogues"
CATALOGUES = Catalogues(load_catalogues([FOLDER]))
