"""All tables of deployments in one step, with the policies and prices that Slipway comes with."""

import uuid
from importlib import import_module

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# A module whose name starts with a digit has no import statement.
policies = import_module("deployments.migrations.0005_shipped_policies")
prices = import_module("deployments.migrations.0007_shipped_prices")


class Migration(migrations.Migration):
    replaces = [
        ("deployments", "0001_initial"),
        ("deployments", "0002_run_stage_failures"),
        ("deployments", "0003_more_stages"),
        ("deployments", "0004_policies_freezes_notices"),
        ("deployments", "0005_shipped_policies"),
        ("deployments", "0006_price_tables"),
        ("deployments", "0007_shipped_prices"),
        ("deployments", "0008_configuration_checks"),
        ("deployments", "0009_rollout_steps_rehearsals"),
        ("deployments", "0010_unmanaged_endpoints"),
        ("deployments", "0011_clean_up"),
        ("deployments", "0012_validations"),
        ("deployments", "0013_hours_used_per_day"),
        ("deployments", "0014_budgets_by_environment"),
        ("deployments", "0015_month_spend_unrounded"),
    ]

    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0002_team_monthly_budget"),
        ("accounts", "__first__"),
        ("catalog", "0001_squashed_0003_training_data"),
    ]

    operations = [
        migrations.CreateModel(
            name="Deployment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=63)),
                ("spec", models.JSONField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("destroyed_at", models.DateTimeField(blank=True, null=True)),
                ("intended", models.JSONField(blank=True, default=dict)),
                ("intended_spec", models.JSONField(blank=True, default=dict)),
                ("hours_used_per_day", models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True)),
                ("fencing", models.PositiveIntegerField(default=0)),
                ("endpoint_id", models.CharField(blank=True, max_length=64)),
                ("endpoint_url", models.CharField(blank=True, max_length=1024)),
                ("endpoint_creator", models.CharField(blank=True, max_length=255)),
                ("ready", models.CharField(blank=True, max_length=20)),
                ("config_update", models.CharField(blank=True, max_length=30)),
                ("served", models.JSONField(blank=True, default=list)),
                ("pending", models.JSONField(blank=True, default=list)),
                ("observed_at", models.DateTimeField(blank=True, null=True)),
                ("observe_error", models.TextField(blank=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments_created",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments",
                        to="catalog.environment",
                    ),
                ),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments",
                        to="catalog.registeredmodel",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deployments", to="accounts.team"
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deployments", to="catalog.workspace"
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
                "indexes": [models.Index(fields=["team", "name"], name="deployments_team_id_047ee2_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("destroyed_at", None)),
                        fields=("workspace", "name"),
                        name="one_live_endpoint_per_name",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ConfigCheck",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("checked_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[("in_sync", "In sync"), ("drifted", "Changed by hand"), ("unknown", "Unknown")],
                        max_length=10,
                    ),
                ),
                ("differences", models.JSONField(blank=True, default=list)),
                ("error", models.TextField(blank=True)),
                ("first_seen_at", models.DateTimeField(blank=True, null=True)),
                ("changed_at", models.DateTimeField(blank=True, null=True)),
                ("live", models.BinaryField(default=b"")),
                ("fingerprint", models.CharField(blank=True, max_length=64)),
                (
                    "deployment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="config_check",
                        to="deployments.deployment",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Draft",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("data", models.JSONField(blank=True, default=dict)),
                ("revision", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "deployment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drafts",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="drafts", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["-updated_at"],
            },
        ),
        migrations.CreateModel(
            name="EndpointListing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("listed_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.TextField(blank=True)),
                (
                    "workspace",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="endpoint_listing",
                        to="catalog.workspace",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Freeze",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "scope",
                    models.CharField(
                        choices=[("all", "Everything"), ("environment", "One environment"), ("team", "One team")],
                        max_length=12,
                    ),
                ),
                ("reason", models.TextField()),
                ("ends_at", models.DateTimeField(db_index=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.environment",
                    ),
                ),
                (
                    "lifted_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.team",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("environment", None), ("scope", "all"), ("team", None)),
                            models.Q(("environment__isnull", False), ("scope", "environment"), ("team", None)),
                            models.Q(("environment", None), ("scope", "team"), ("team__isnull", False)),
                            _connector="OR",
                        ),
                        name="freeze_names_what_its_scope_says",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MonthSpend",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("amount", models.DecimalField(decimal_places=9, max_digits=19)),
                ("until", models.DateField()),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="catalog.environment"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team"
                    ),
                ),
            ],
            options={
                "ordering": ["-month", "team", "environment"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("team", "environment", "month", "currency"), name="one_spend_per_month"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Policy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rule", models.CharField(max_length=40)),
                ("environment", models.SlugField(blank=True, max_length=63)),
                (
                    "risk",
                    models.CharField(
                        blank=True,
                        choices=[("low", "Low"), ("medium", "Medium"), ("high", "High"), ("critical", "Critical")],
                        max_length=10,
                    ),
                ),
                (
                    "change",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("delete", "Delete"),
                            ("replace", "Replace the version or other settings"),
                            ("create", "Create"),
                            ("resize", "Resize"),
                            ("traffic", "Traffic"),
                            ("tags_only", "Tags only"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "level",
                    models.CharField(
                        choices=[
                            ("off", "Off"),
                            ("advisory", "Advisory"),
                            ("overridable", "Overridable"),
                            ("mandatory", "Mandatory"),
                        ],
                        max_length=12,
                    ),
                ),
                ("parameters", models.JSONField(blank=True, default=dict)),
                ("version", models.PositiveIntegerField(default=1)),
            ],
            options={
                "verbose_name_plural": "policies",
                "ordering": ["rule", "environment", "risk", "change", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("rule", "environment", "risk", "change"), name="one_policy_per_place"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PolicyVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                (
                    "level",
                    models.CharField(
                        choices=[
                            ("off", "Off"),
                            ("advisory", "Advisory"),
                            ("overridable", "Overridable"),
                            ("mandatory", "Mandatory"),
                        ],
                        max_length=12,
                    ),
                ),
                ("parameters", models.JSONField(blank=True, default=dict)),
                ("reason", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="deployments.policy"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "-number"],
                "constraints": [
                    models.UniqueConstraint(fields=("policy", "number"), name="one_row_per_policy_version")
                ],
            },
        ),
        migrations.CreateModel(
            name="PriceTable",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("currency", models.CharField(default="USD", max_length=3)),
                ("valid_from", models.DateField(db_index=True)),
                ("price_per_dbu", models.DecimalField(decimal_places=6, max_digits=12)),
                ("source", models.TextField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-valid_from", "-pk"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("price_per_dbu__gt", 0)), name="a_dbu_costs_something")
                ],
            },
        ),
        migrations.CreateModel(
            name="Rate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("workload_type", models.CharField(max_length=20)),
                ("workload_size", models.CharField(max_length=10)),
                ("min_concurrency", models.PositiveIntegerField()),
                ("max_concurrency", models.PositiveIntegerField()),
                ("min_dbu_per_hour", models.DecimalField(decimal_places=4, max_digits=12)),
                ("max_dbu_per_hour", models.DecimalField(decimal_places=4, max_digits=12)),
                (
                    "table",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rates", to="deployments.pricetable"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("table", "workload_type", "workload_size"), name="one_rate_per_size"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("max_concurrency__gte", models.F("min_concurrency")), ("min_concurrency__gt", 0)
                        ),
                        name="a_rate_starts_with_its_fewest_requests",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("max_dbu_per_hour__gte", models.F("min_dbu_per_hour")), ("min_dbu_per_hour__gt", 0)
                        ),
                        name="a_rate_starts_with_its_lowest_dbu",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("deploy", "Deploy"),
                            ("resize", "Resize"),
                            ("traffic", "Traffic"),
                            ("rollback", "Roll back"),
                            ("adopt", "Adopt"),
                            ("destroy", "Destroy"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("preflight", "Preflight"),
                            ("plan", "Planning"),
                            ("cost", "Pricing"),
                            ("policy", "Checking policies"),
                            ("approval", "Waiting for approval"),
                            ("apply", "Applying"),
                            ("endpoint", "Waiting for the endpoint"),
                            ("smoke", "Smoke test"),
                            ("rollout", "Rolling out"),
                            ("succeeded", "Succeeded"),
                            ("no_change", "No change"),
                            ("rejected", "Rejected"),
                            ("expired", "Expired"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                            ("rolled_back", "Rolled back"),
                            ("rollback_failed", "Rollback failed"),
                            ("interrupted", "Interrupted"),
                        ],
                        default="queued",
                        max_length=20,
                    ),
                ),
                ("spec", models.JSONField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("message", models.TextField(blank=True)),
                ("event_count", models.PositiveIntegerField(default=0)),
                ("lease_token", models.UUIDField(blank=True, null=True)),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("claim", models.PositiveIntegerField(default=0)),
                ("worker", models.CharField(blank=True, max_length=255)),
                ("wake_at", models.DateTimeField(blank=True, null=True)),
                ("waiting_for", models.TextField(blank=True)),
                ("stage_started_at", models.DateTimeField(blank=True, null=True)),
                ("stage_tries", models.PositiveIntegerField(default=0)),
                ("stage_failures", models.PositiveIntegerField(default=0)),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("apply_started_at", models.DateTimeField(blank=True, null=True)),
                ("cancel_requested_at", models.DateTimeField(blank=True, null=True)),
                (
                    "cancel_requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "cleans_up",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="cleaned_up_by",
                        to="deployments.run",
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="runs", to="deployments.deployment"
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs_requested",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(fields=["status", "wake_at"], name="deployments_status_37cac7_idx"),
                    models.Index(fields=["deployment", "-id"], name="deployments_deploym_889322_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                (
                                    "preflight",
                                    "plan",
                                    "cost",
                                    "policy",
                                    "approval",
                                    "apply",
                                    "endpoint",
                                    "smoke",
                                    "rollout",
                                ),
                            )
                        ),
                        fields=("deployment",),
                        name="one_active_run_per_deployment",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RolloutStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("attempt", models.PositiveIntegerField()),
                ("index", models.PositiveSmallIntegerField()),
                ("percent", models.PositiveSmallIntegerField()),
                ("expected", models.JSONField(default=dict)),
                ("live", models.JSONField(blank=True, default=dict)),
                ("started_at", models.DateTimeField()),
                ("moved_at", models.DateTimeField(blank=True, null=True)),
                ("sampled_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("passed", "Passed"),
                            ("breached", "Breached"),
                            ("inconclusive", "Inconclusive"),
                            ("skipped", "Skipped"),
                        ],
                        default="running",
                        max_length=12,
                    ),
                ),
                ("rule", models.CharField(blank=True, max_length=20)),
                ("message", models.TextField(blank=True)),
                ("numbers", models.JSONField(blank=True, default=dict)),
                ("totals", models.JSONField(blank=True, default=dict)),
                (
                    "order",
                    models.CharField(
                        blank=True, choices=[("promote", "Promote"), ("roll_back", "Roll back")], max_length=10
                    ),
                ),
                ("ordered_at", models.DateTimeField(blank=True, null=True)),
                ("back_since", models.DateTimeField(blank=True, null=True)),
                (
                    "back_to",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("queued", "Queued"),
                            ("preflight", "Preflight"),
                            ("plan", "Planning"),
                            ("cost", "Pricing"),
                            ("policy", "Checking policies"),
                            ("approval", "Waiting for approval"),
                            ("apply", "Applying"),
                            ("endpoint", "Waiting for the endpoint"),
                            ("smoke", "Smoke test"),
                            ("rollout", "Rolling out"),
                            ("succeeded", "Succeeded"),
                            ("no_change", "No change"),
                            ("rejected", "Rejected"),
                            ("expired", "Expired"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                            ("rolled_back", "Rolled back"),
                            ("rollback_failed", "Rollback failed"),
                            ("interrupted", "Interrupted"),
                        ],
                        max_length=20,
                    ),
                ),
                ("back_tries", models.PositiveSmallIntegerField(default=0)),
                (
                    "ordered_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rollout_steps", to="deployments.run"
                    ),
                ),
            ],
            options={
                "ordering": ["run", "attempt", "index"],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "attempt", "index"), name="one_rollout_step_per_index")
                ],
            },
        ),
        migrations.CreateModel(
            name="Rehearsal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.CharField(max_length=20)),
                ("started_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(blank=True, null=True)),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rehearsals",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "started_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "return_run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="deployments.run"
                    ),
                ),
                (
                    "rollback_run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rehearsal", to="deployments.run"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("answered_at", None), ("answered_at__gte", models.F("started_at")), _connector="OR"
                        ),
                        name="rehearsal_answers_after_its_start",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PolicyResult",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("plan_sha256", models.CharField(max_length=64)),
                ("rule", models.CharField(max_length=40)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("passed", "Passed"),
                            ("advisory", "Advisory failed"),
                            ("overridable", "Overridable failed"),
                            ("mandatory", "Mandatory failed"),
                        ],
                        max_length=12,
                    ),
                ),
                ("message", models.TextField()),
                ("fix", models.TextField(blank=True)),
                ("asks_approval", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("overridden_at", models.DateTimeField(blank=True, null=True)),
                ("override_reason", models.TextField(blank=True)),
                (
                    "overridden_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "policy_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="results",
                        to="deployments.policyversion",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="policy_results", to="deployments.run"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "plan_sha256", "rule"), name="one_result_per_rule")
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message", models.TextField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("acknowledged_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notices", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="deployments.run"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [models.Index(fields=["user", "acknowledged_at"], name="deployments_user_id_6cd6ac_idx")],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField()),
                ("stage", models.CharField(max_length=20)),
                (
                    "level",
                    models.CharField(
                        choices=[("debug", "Debug"), ("info", "Info"), ("warning", "Warning"), ("error", "Error")],
                        default="info",
                        max_length=10,
                    ),
                ),
                ("source", models.CharField(default="slipway", max_length=20)),
                ("message", models.TextField()),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="events", to="deployments.run"
                    ),
                ),
            ],
            options={
                "ordering": ["run", "number"],
                "constraints": [models.UniqueConstraint(fields=("run", "number"), name="one_event_per_number")],
            },
        ),
        migrations.CreateModel(
            name="BackendCredential",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fencing", models.PositiveIntegerField()),
                ("username", models.CharField(max_length=64, unique=True)),
                ("digest", models.CharField(max_length=64)),
                ("expires_at", models.DateTimeField()),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="deployments.deployment"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="deployments.run"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("deployment", "fencing"), name="one_credential_per_fencing_number")
                ],
            },
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "decision",
                    models.CharField(
                        choices=[
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("break_glass", "Applied without a second person"),
                        ],
                        max_length=12,
                    ),
                ),
                ("decided_at", models.DateTimeField(auto_now_add=True)),
                ("reason", models.TextField(blank=True)),
                ("plan_sha256", models.CharField(max_length=64)),
                ("model_version", models.CharField(max_length=20)),
                ("state_serial", models.PositiveBigIntegerField()),
                (
                    "decided_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approvals",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="approvals", to="deployments.run"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("decision", "break_glass"), _negated=True),
                        fields=("run", "plan_sha256", "model_version", "state_serial"),
                        name="one_decision_per_plan",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("decision", "break_glass")),
                        fields=("run", "plan_sha256", "model_version", "state_serial"),
                        name="one_break_glass_per_plan",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RunPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sha256", models.CharField(max_length=64)),
                ("planfile", models.BinaryField()),
                ("terraform_version", models.CharField(max_length=40)),
                ("state_serial", models.PositiveBigIntegerField(default=0)),
                ("variables", models.JSONField(default=dict)),
                ("show", models.JSONField()),
                ("changes", models.JSONField(default=list)),
                ("sentences", models.JSONField(default=list)),
                ("summary", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="plan", to="deployments.run"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StageRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "stage",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("preflight", "Preflight"),
                            ("plan", "Planning"),
                            ("cost", "Pricing"),
                            ("policy", "Checking policies"),
                            ("approval", "Waiting for approval"),
                            ("apply", "Applying"),
                            ("endpoint", "Waiting for the endpoint"),
                            ("smoke", "Smoke test"),
                            ("rollout", "Rolling out"),
                            ("succeeded", "Succeeded"),
                            ("no_change", "No change"),
                            ("rejected", "Rejected"),
                            ("expired", "Expired"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                            ("rolled_back", "Rolled back"),
                            ("rollback_failed", "Rollback failed"),
                            ("interrupted", "Interrupted"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("waiting", "Waiting"),
                            ("passed", "Passed"),
                            ("skipped", "Not needed"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("interrupted", "Interrupted"),
                        ],
                        default="running",
                        max_length=20,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("message", models.TextField(blank=True)),
                ("detail", models.JSONField(blank=True, default=dict)),
                ("created", models.JSONField(blank=True, default=list)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="stages", to="deployments.run"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "indexes": [models.Index(fields=["run", "id"], name="deployments_run_id_94ce06_idx")],
            },
        ),
        migrations.CreateModel(
            name="StateLock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fencing", models.PositiveIntegerField()),
                ("lock_id", models.CharField(max_length=64)),
                ("info", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "deployment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="state_lock",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="deployments.run"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StateVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fencing", models.PositiveIntegerField()),
                ("serial", models.PositiveBigIntegerField()),
                ("lineage", models.CharField(max_length=64)),
                ("sha256", models.CharField(max_length=64)),
                ("size_bytes", models.PositiveBigIntegerField()),
                ("ciphertext", models.BinaryField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="state_versions",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="state_versions",
                        to="deployments.run",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [models.Index(fields=["deployment", "-id"], name="deployments_deploym_7aa176_idx")],
            },
        ),
        migrations.CreateModel(
            name="TestRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("body", models.JSONField()),
                (
                    "status",
                    models.CharField(
                        choices=[("sending", "Sending"), ("answered", "Answered"), ("failed", "Failed")],
                        default="sending",
                        max_length=10,
                    ),
                ),
                ("status_code", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("response", models.TextField(blank=True)),
                ("served_entity", models.CharField(blank=True, max_length=255)),
                ("latency_ms", models.FloatField(blank=True, null=True)),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="test_requests",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="UnmanagedEndpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=255)),
                ("endpoint_id", models.CharField(max_length=64)),
                ("creator", models.CharField(blank=True, max_length=255)),
                ("ready", models.CharField(max_length=20)),
                ("config_update", models.CharField(blank=True, max_length=30)),
                ("model_name", models.CharField(blank=True, max_length=767)),
                ("served", models.JSONField(default=list)),
                ("tags", models.JSONField(default=dict)),
                ("made_at", models.DateTimeField(blank=True, null=True)),
                ("changed_at", models.DateTimeField(blank=True, null=True)),
                ("live", models.BinaryField()),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="unmanaged_endpoints",
                        to="catalog.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
                "indexes": [models.Index(fields=["workspace", "model_name"], name="deployments_workspa_1efa5d_idx")],
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "name"), name="one_row_per_unmanaged_endpoint")
                ],
            },
        ),
        migrations.CreateModel(
            name="Validation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("job_run_id", models.BigIntegerField(blank=True, null=True)),
                ("job_url", models.CharField(blank=True, max_length=1024)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("running", "Validating"),
                            ("passed", "Validated"),
                            ("failed", "Validation failed"),
                            ("unknown", "Not validated"),
                        ],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("message", models.TextField(blank=True)),
                ("result", models.JSONField(blank=True, default=dict)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="validations",
                        to="deployments.run",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="validations",
                        to="catalog.modelversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [models.Index(fields=["version", "-id"], name="deployments_version_7ffead_idx")],
            },
        ),
        migrations.CreateModel(
            name="Budget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "monthly_amount",
                    models.DecimalField(
                        decimal_places=2, max_digits=12, validators=[django.core.validators.MinValueValidator(0)]
                    ),
                ),
                ("currency", models.CharField(default="USD", max_length=3)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="budgets", to="catalog.environment"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="budgets", to="accounts.team"
                    ),
                ),
            ],
            options={
                "ordering": ["team__slug", "environment__position", "environment__slug"],
                "constraints": [
                    models.UniqueConstraint(fields=("team", "environment"), name="one_budget_per_team_and_environment")
                ],
            },
        ),
        migrations.RunPython(policies.ship, migrations.RunPython.noop),
        migrations.RunPython(prices.ship, migrations.RunPython.noop),
    ]
