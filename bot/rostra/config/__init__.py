"""The configuration: a TOML file and ``ROSTRA_*`` variables, checked before anything starts."""

from ..grants import Grant as Grant
from .load import FILE as FILE
from .load import component_settings as component_settings
from .load import load as load
from .load import moderation_settings as moderation_settings
from .load import table_of as table_of
from .permissions import Permissions as Permissions
from .permissions import permission_of as permission_of
from .problems import Where as Where
from .problems import variable_of as variable_of
from .references import Node as Node
from .references import Reference as Reference
from .references import in_order as in_order
from .references import references as references
from .settings import DeliverySettings as DeliverySettings
from .settings import FeedbackSettings as FeedbackSettings
from .settings import Limits as Limits
from .settings import LogSettings as LogSettings
from .settings import MemorySettings as MemorySettings
from .settings import Persona as Persona
from .settings import RefusalSettings as RefusalSettings
from .settings import Settings as Settings
from .settings import StorageSettings as StorageSettings
from .settings import Table as Table
