from .plan import PlanFile as PlanFile
from .plan import plan_of as plan_of
from .regions import Region as Region
from .regions import Scope as Scope
