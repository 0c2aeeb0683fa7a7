"""Who may work on a run, and who may write its status."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        key="lease-alive-counts-as-expired",
        function="RunQuerySet.without_lease",
        text="lease_expires_at__lt",
        replacement="lease_expires_at__gt",
        tests=("test_a_lease_that_is_alive_is_not_taken", "test_a_lease_of_nobody_is_not_held"),
    ),
    Mutant(
        key="lease-claimed-before-its-time",
        function="RunQuerySet.due",
        text=".filter(Q(wake_at=None) | Q(wake_at__lte=Now()))",
        replacement="",
        tests=("test_a_run_that_waits_is_taken_when_its_time_has_come",),
    ),
    Mutant(
        key="lease-renewed-with-any-token",
        function="renew_lease",
        text=", lease_token=lease.token",
        replacement="",
        tests=("test_a_stale_token_renews_and_releases_nothing",),
    ),
    Mutant(
        key="lease-released-with-any-token",
        function="release_lease",
        text=", lease_token=lease.token",
        replacement="",
        tests=("test_a_stale_token_renews_and_releases_nothing",),
    ),
    Mutant(
        key="lease-lost-and-status-still-written",
        function="transition",
        text="rows.filter(lease_token=lease.token) if lease",
        replacement="rows if lease",
        tests=("test_a_worker_that_lost_its_lease_writes_nothing", "test_what_a_slow_worker_brings_is_thrown_away"),
    ),
    Mutant(
        key="lease-held-and-status-written-by-another",
        function="transition",
        text="rows.without_lease()",
        replacement="rows",
        tests=("test_nobody_without_a_lease_writes_while_a_worker_is_alive",),
    ),
)
