"""The framework, without what it looks for in the environment."""

from litestar import Litestar
from litestar.plugins import PluginProtocol


class PlainLitestar(Litestar):
    """As it is where nothing but Countermand is installed.

    It would import pydantic and attrs wherever they are found, to serve types that are not used
    here; that takes a tenth of a second at each start.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return plugins
