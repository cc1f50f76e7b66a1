from .plan import PlanFile as PlanFile
from .plan import PlannedDigit as PlannedDigit
from .plan import PlannedPhoto as PlannedPhoto
from .plan import plan_of as plan_of
from .plan import plan_text as plan_text
from .scope import Area as Area
from .scope import Scope as Scope
