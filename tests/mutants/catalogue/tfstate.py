"""Terraform's state backend: the lock, the fencing number and what may be written."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        key="tfstate-stale-fencing-accepted",
        function="_locked_deployment",
        text="deployment.fencing != credential.fencing",
        replacement="deployment.fencing < credential.fencing",
        tests=("test_a_run_that_was_given_up_for_dead_can_do_nothing_any_more",),
    ),
    Mutant(
        key="tfstate-written-under-another-lock",
        function="write",
        text="lock_id=lock_id, ",
        replacement="",
        tests=("test_nothing_is_written_without_the_lock",),
    ),
    Mutant(
        key="tfstate-same-serial-refused",
        function="write",
        text="serial < newest.serial",
        replacement="serial <= newest.serial",
        tests=("test_a_serial_never_goes_back",),
    ),
    Mutant(
        key="tfstate-password-opens-every-deployment",
        function="authenticate",
        text="deployment_id=deployment_id, username=username",
        replacement="username=username",
        tests=("test_a_password_opens_one_deployment",),
    ),
    Mutant(
        key="tfstate-unlocked-with-any-lock-id",
        function="unlock",
        text="held.filter(lock_id=lock_id)",
        replacement="held",
        tests=("test_only_the_holder_unlocks",),
    ),
    Mutant(
        key="tfstate-credential-of-the-dead-stays-fresh",
        function="release_after_death",
        text='F("fencing") + 1',
        replacement='F("fencing")',
        tests=("test_a_run_that_was_given_up_for_dead_can_do_nothing_any_more",),
    ),
)
