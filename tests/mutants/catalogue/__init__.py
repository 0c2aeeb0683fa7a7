"""The mutants, by the part of the product that they are in: six for each."""

from tests.mutants.catalogue import (
    approvals,
    costs,
    judgement,
    leases,
    permissions,
    policies,
    runner,
    sketches,
    tfstate,
    validation,
)
from tests.mutants.mutant import Mutant

AREAS: dict[str, tuple[Mutant, ...]] = {
    "runner": runner.MUTANTS,
    "lease": leases.MUTANTS,
    "Terraform state": tfstate.MUTANTS,
    "approvals": approvals.MUTANTS,
    "policies": policies.MUTANTS,
    "sketches": sketches.MUTANTS,
    "judgement": judgement.MUTANTS,
    "cost reconciliation": costs.MUTANTS,
    "permissions": permissions.MUTANTS,
    "API validation": validation.MUTANTS,
}
