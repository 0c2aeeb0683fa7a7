"""What the API takes, and what it refuses."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        key="validation-name-one-too-long",
        function="_endpoint_name",
        text="len(value) > MAX_NAME_LENGTH",
        replacement="len(value) > MAX_NAME_LENGTH + 1",
        tests=("test_bad_endpoint_names",),
    ),
    Mutant(
        key="validation-steps-may-repeat",
        function="_steps_rise_to_everything",
        text="sorted(set(self.steps))",
        replacement="sorted(self.steps)",
        tests=("test_steps_rise_to_everything",),
    ),
    Mutant(
        key="validation-secret-behind-a-prefix",
        function="_environment_variables",
        text="SECRET_NAMED.search(name)",
        replacement="SECRET_NAMED.match(name)",
        tests=("test_environment_variables_follow_the_rules_and_hold_no_secret",),
    ),
    Mutant(
        key="validation-page-without-end",
        function="CursorPagination.get_page_size",
        text="min(int(asked), self.max_page_size)",
        replacement="max(int(asked), self.max_page_size)",
        tests=("test_a_page_has_as_many_rows_as_asked_for_and_at_most_two_hundred",),
    ),
    Mutant(
        key="validation-one-token-too-many",
        function="create_token",
        text=".count() >= MAX_TOKENS",
        replacement=".count() > MAX_TOKENS",
        tests=("test_one_person_holds_at_most_fifty_tokens",),
    ),
    Mutant(
        key="validation-idempotency-key-of-another-request",
        function="claim",
        text="known.fingerprint != fingerprint",
        replacement="known.key != key",
        tests=("test_the_same_key_with_another_body_is_refused",),
    ),
)
