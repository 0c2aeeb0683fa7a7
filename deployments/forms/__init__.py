"""Forms of deployments: the wizard's steps, decisions, test requests.

They turn what a page posts into a spec and back. What a spec may say is judged by specs and services alone.
"""

from deployments.forms.actions import ApproveForm, DestroyForm, RejectForm, TestForm
from deployments.forms.adopting import AdoptForm
from deployments.forms.checking import STEP_OF, problems_of
from deployments.forms.pairs import PairsField
from deployments.forms.policies import BreakGlassForm, FreezeForm, NewPolicyForm, OverrideForm, PolicyForm
from deployments.forms.steps import STEP_FORMS, ModelStep, MonitoringStep, RolloutStep, StepForm, TargetStep

__all__ = [
    "STEP_FORMS",
    "STEP_OF",
    "AdoptForm",
    "ApproveForm",
    "BreakGlassForm",
    "DestroyForm",
    "FreezeForm",
    "ModelStep",
    "MonitoringStep",
    "NewPolicyForm",
    "OverrideForm",
    "PairsField",
    "PolicyForm",
    "RejectForm",
    "RolloutStep",
    "StepForm",
    "TargetStep",
    "TestForm",
    "problems_of",
]
