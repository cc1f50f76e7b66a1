from .plan import PlanFile as PlanFile
from .plan import plan_of as plan_of
from .scope import Area as Area
from .scope import Scope as Scope
