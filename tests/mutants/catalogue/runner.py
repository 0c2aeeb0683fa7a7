"""One step of a run: what is tried again, what ends, and who is next."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        key="runner-tries-once-too-often",
        function="_try_again",
        text="failures >= RETRIES",
        replacement="failures > RETRIES",
        tests=("test_a_fault_that_does_not_pass_ends_the_run",),
    ),
    Mutant(
        key="runner-retries-what-is-permanent",
        function="_outcome",
        text="if error.permanent else",
        replacement="if not error.permanent else",
        tests=("test_a_permanent_fault_ends_the_run_at_once", "test_a_fault_that_passes_is_waited_for"),
    ),
    Mutant(
        key="runner-failures-add-up-over-polls",
        function="_outcome",
        text="_count_failures(context, 0)",
        replacement="_count_failures(context, context.run.stage_failures)",
        tests=("test_a_long_wait_uses_up_no_tries",),
    ),
    Mutant(
        key="runner-revives-a-destroyed-deployment",
        function="_start",
        text="run.kind != RunKind.DESTROY",
        replacement="run.kind == RunKind.DESTROY",
        tests=("test_a_run_does_not_bring_a_destroyed_deployment_back",),
    ),
    Mutant(
        key="runner-abandons-an-apply-that-began",
        function="stops_itself",
        text="run.apply_started_at is not None",
        replacement="run.apply_started_at is None",
        tests=("test_an_apply_that_began_is_followed_even_when_cancelled",),
    ),
    Mutant(
        key="runner-keeps-the-directory-of-a-success",
        function="_settle",
        text="if status in GOOD",
        replacement="if status not in GOOD",
        tests=("test_the_directory_of_a_run_goes_when_it_went_well_and_stays_when_not",),
    ),
)
