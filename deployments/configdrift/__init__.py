"""Has somebody changed an endpoint by hand? What it is like against what the last good run left."""

from deployments.configdrift.differences import FieldDifference, differences
from deployments.configdrift.reading import variables_of

__all__ = ["FieldDifference", "differences", "variables_of"]
