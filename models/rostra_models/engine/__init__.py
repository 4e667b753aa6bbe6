"""Token by token: a model on this machine answers many conversations at once. Importing it imports torch."""

from .engine import Engine as Engine
from .engine import Figures as Figures
from .loading import lean as lean
from .loading import load as load
from .loading import runner as runner
from .request import Made as Made
from .request import Request as Request
