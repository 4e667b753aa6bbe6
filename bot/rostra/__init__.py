"""Rostra: moderated chat models where people talk, and ranked answers to make them better.

This is the public API: every name that an author of components imports. Everything else may change.

- values: `Message` and the other events, `Place`, `Person`, `Turn`, the actions, `Verdict`, `Piece`, views
- protocols: `Adapter`, `Moderator`, `Model`, `Scorer`, `Handler`, `Stage`
- plugging in: `Component`, `ComponentSettings`, `Names`, `Services`, `Finding`, `command`
- contract tests for components are in `rostra.testing`
"""

from .actions import Action as Action
from .actions import Address as Address
from .actions import Append as Append
from .actions import Begin as Begin
from .actions import Capabilities as Capabilities
from .actions import Emit as Emit
from .actions import Finish as Finish
from .actions import Receipt as Receipt
from .actions import Replace as Replace
from .actions import Retract as Retract
from .actions import Show as Show
from .actions import Typing as Typing
from .chat import Answerer as Answerer
from .chat import Piece as Piece
from .chat import Sampling as Sampling
from .chat import Tool as Tool
from .chat import ToolCall as ToolCall
from .chat import Usage as Usage
from .chat import Utterance as Utterance
from .clock import Clock as Clock
from .command import Call as Call
from .command import Command as Command
from .command import Desk as Desk
from .command import Option as Option
from .command import command as command
from .components import Component as Component
from .components import ComponentSettings as ComponentSettings
from .components import Finding as Finding
from .components import Names as Names
from .components import Services as Services
from .errors import AdapterError as AdapterError
from .errors import ConfigError as ConfigError
from .errors import ModelError as ModelError
from .errors import ModelMissing as ModelMissing
from .errors import ModerationError as ModerationError
from .errors import Rejected as Rejected
from .errors import RostraError as RostraError
from .errors import StoreError as StoreError
from .events import Attachment as Attachment
from .events import Deleted as Deleted
from .events import Edited as Edited
from .events import Event as Event
from .events import Invocation as Invocation
from .events import Message as Message
from .events import Press as Press
from .events import Reaction as Reaction
from .events import Submit as Submit
from .places import Permission as Permission
from .places import Person as Person
from .places import Place as Place
from .protocols import Accept as Accept
from .protocols import Accepted as Accepted
from .protocols import Adapter as Adapter
from .protocols import Duplicate as Duplicate
from .protocols import Metered as Metered
from .protocols import Model as Model
from .protocols import Moderation as Moderation
from .protocols import Moderator as Moderator
from .protocols import Scorer as Scorer
from .protocols import Versioned as Versioned
from .turns import Handler as Handler
from .turns import Stage as Stage
from .turns import Turn as Turn
from .verdicts import Decision as Decision
from .verdicts import Passage as Passage
from .verdicts import Span as Span
from .verdicts import Verdict as Verdict
from .versions import ModelVersion as ModelVersion
from .views import View as View
from .views import text as text
