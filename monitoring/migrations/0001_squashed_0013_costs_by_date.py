"""All tables of monitoring in one step. On new tables 0007 and 0012 have no row to change."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import monitoring.cost.models


class Migration(migrations.Migration):
    replaces = [
        ("monitoring", "0001_cost"),
        ("monitoring", "0002_drift"),
        ("monitoring", "0003_alerts"),
        ("monitoring", "0004_health"),
        ("monitoring", "0005_health_history"),
        ("monitoring", "0006_quality"),
        ("monitoring", "0007_drift_days"),
        ("monitoring", "0008_importance_note"),
        ("monitoring", "0009_untrained_versions"),
        ("monitoring", "0010_saved_views"),
        ("monitoring", "0011_quality_standing"),
        ("monitoring", "0012_cold_starts"),
        ("monitoring", "0013_costs_by_date"),
    ]

    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0002_team_monthly_budget"),
        ("accounts", "__first__"),
        ("catalog", "0001_squashed_0003_training_data"),
        ("deployments", "0001_squashed_0015_month_spend_unrounded"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "subject",
                    models.CharField(
                        choices=[
                            ("health", "Health"),
                            ("drift", "Drift"),
                            ("quality", "Quality"),
                            ("cost", "Cost"),
                            ("config", "Configuration"),
                            ("run", "Run"),
                        ],
                        max_length=10,
                    ),
                ),
                ("key", models.CharField(blank=True, max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("firing", "Firing"),
                            ("acknowledged", "Acknowledged"),
                            ("snoozed", "Snoozed"),
                            ("resolved", "Resolved"),
                        ],
                        default="pending",
                        max_length=12,
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[("critical", "Critical"), ("warning", "Warning"), ("info", "Info")], max_length=10
                    ),
                ),
                (
                    "standing",
                    models.CharField(
                        choices=[
                            ("failing", "Failing"),
                            ("at_risk", "At risk"),
                            ("passing", "Passing"),
                            ("unknown", "Unknown"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", models.TextField()),
                ("evidence", models.JSONField(blank=True, default=dict)),
                ("opened_at", models.DateTimeField()),
                ("fired_at", models.DateTimeField(blank=True, null=True)),
                ("reported_at", models.DateTimeField()),
                ("snoozed_until", models.DateTimeField(blank=True, null=True)),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("calm_at", models.DateTimeField(blank=True, null=True)),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="alerts", to="deployments.deployment"
                    ),
                ),
                (
                    "handled_by",
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
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(fields=["state", "snoozed_until"], name="monitoring__state_0cb15d_idx"),
                    models.Index(fields=["deployment", "subject"], name="monitoring__deploym_be88cd_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "resolved"), _negated=True),
                        fields=("deployment", "subject", "key"),
                        name="one_open_alert_per_key",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("firing", "Firing"),
                            ("acknowledged", "Acknowledged"),
                            ("snoozed", "Snoozed"),
                            ("resolved", "Resolved"),
                        ],
                        max_length=12,
                    ),
                ),
                ("message", models.TextField()),
                (
                    "actor",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="events", to="monitoring.alert"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="AlertRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "subject",
                    models.CharField(
                        choices=[
                            ("health", "Health"),
                            ("drift", "Drift"),
                            ("quality", "Quality"),
                            ("cost", "Cost"),
                            ("config", "Configuration"),
                            ("run", "Run"),
                        ],
                        max_length=10,
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "from_standing",
                    models.CharField(choices=[("at_risk", "At risk"), ("failing", "Failing")], max_length=10),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[("critical", "Critical"), ("warning", "Warning"), ("info", "Info")], max_length=10
                    ),
                ),
                (
                    "for_s",
                    models.PositiveIntegerField(
                        default=0, validators=[django.core.validators.MaxValueValidator(604800)]
                    ),
                ),
                (
                    "stale_after_s",
                    models.PositiveIntegerField(
                        blank=True, null=True, validators=[django.core.validators.MaxValueValidator(2592000)]
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_rules",
                        to="deployments.deployment",
                    ),
                ),
            ],
            options={
                "ordering": ["deployment", "subject"],
                "constraints": [
                    models.UniqueConstraint(fields=("deployment", "subject"), name="one_alert_rule_per_subject")
                ],
            },
        ),
        migrations.CreateModel(
            name="Baseline",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("training", "Training data logged with the model"),
                            ("table", "Table"),
                            ("traffic", "First traffic"),
                        ],
                        max_length=10,
                    ),
                ),
                ("detail", models.TextField(blank=True)),
                ("data", models.JSONField()),
                ("rows", models.PositiveBigIntegerField()),
                ("importance", models.JSONField(blank=True, null=True)),
                ("importance_note", models.TextField(blank=True)),
                ("created_at", models.DateTimeField()),
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drift_baseline",
                        to="catalog.modelversion",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BillingSource",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                ("month_read_at", models.DateTimeField(blank=True, null=True)),
                ("newest_usage", models.DateField(blank=True, null=True)),
                ("error", models.TextField(blank=True)),
                ("grant", models.TextField(blank=True)),
                (
                    "workspace",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="billing_source",
                        to="catalog.workspace",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CostDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("date", models.DateField()),
                ("endpoint_id", models.CharField(blank=True, max_length=255)),
                ("endpoint_name", models.CharField(blank=True, max_length=255)),
                ("job", models.CharField(blank=True, max_length=255)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("serving", "Serving"),
                            ("launch", "Cold starts"),
                            ("monitoring_job", "Jobs"),
                            ("other", "Other"),
                        ],
                        max_length=20,
                    ),
                ),
                ("sku", models.CharField(max_length=255)),
                ("unit", models.CharField(max_length=40)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("quantity", monitoring.cost.models.ExactField()),
                ("cost", monitoring.cost.models.ExactField(null=True)),
                (
                    "deployment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="cost_days",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.workspace"
                    ),
                ),
            ],
            options={
                "ordering": ["-date", "pk"],
                "indexes": [
                    models.Index(fields=["deployment", "date"], name="monitoring__deploym_6ac4d4_idx"),
                    models.Index(fields=["date"], name="monitoring__date_136aa0_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "date", "endpoint_id", "job", "kind", "sku", "unit", "currency"),
                        name="one_cost_per_day_and_sku",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cost", None), ("currency", "")),
                            models.Q(("cost__isnull", False), models.Q(("currency", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="a_cost_has_a_currency",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DriftDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rows", models.PositiveBigIntegerField()),
                ("packed", models.BinaryField()),
                ("computed_at", models.DateTimeField()),
                ("date", models.DateField()),
                (
                    "baseline",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="days", to="monitoring.baseline"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drift_days",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="catalog.modelversion"
                    ),
                ),
            ],
            options={
                "ordering": ["date", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("deployment", "version", "date"), name="one_drift_day_per_version")
                ],
            },
        ),
        migrations.CreateModel(
            name="DriftJob",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("idle", "Not started"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="idle",
                        max_length=10,
                    ),
                ),
                ("token", models.UUIDField(default=uuid.uuid4)),
                ("job_run_id", models.BigIntegerField(blank=True, null=True)),
                ("job_url", models.CharField(blank=True, max_length=1024)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("message", models.TextField(blank=True)),
                ("asked", models.JSONField(blank=True, default=dict)),
                ("wanted", models.JSONField(blank=True, default=dict)),
                ("untrained", models.JSONField(blank=True, default=dict)),
                ("range_start", models.DateTimeField(blank=True, null=True)),
                ("range_end", models.DateTimeField(blank=True, null=True)),
                ("counted_at", models.DateTimeField(blank=True, null=True)),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
                ("counted_until", models.DateTimeField(blank=True, null=True)),
                ("newest", models.DateTimeField(blank=True, null=True)),
                ("skipped", models.JSONField(blank=True, default=dict)),
                (
                    "deployment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drift_job",
                        to="deployments.deployment",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="DriftWindow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rows", models.PositiveBigIntegerField()),
                ("packed", models.BinaryField()),
                ("computed_at", models.DateTimeField()),
                ("start", models.DateTimeField()),
                ("width_s", models.PositiveIntegerField()),
                (
                    "baseline",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="windows", to="monitoring.baseline"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drift_windows",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="catalog.modelversion"
                    ),
                ),
            ],
            options={
                "ordering": ["start", "pk"],
                "indexes": [models.Index(fields=["deployment", "start"], name="monitoring__deploym_b87b2c_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("deployment", "version", "start", "width_s"), name="one_drift_window_per_start"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="FeatureSetting",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("feature", models.CharField(max_length=255)),
                ("threshold", models.FloatField(blank=True, null=True)),
                ("starred", models.BooleanField(default=False)),
                ("excluded", models.BooleanField(blank=True, null=True)),
                ("critical", models.BooleanField(blank=True, null=True)),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="feature_settings",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "updated_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("deployment", "feature"), name="one_setting_per_feature"),
                    models.CheckConstraint(
                        condition=models.Q(("threshold", None), ("threshold__gt", 0), _connector="OR"),
                        name="a_threshold_is_positive",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="HealthBucket",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.CharField(max_length=64)),
                ("width", models.DurationField()),
                ("start", models.DateTimeField()),
                ("minutes", models.PositiveIntegerField(default=0)),
                ("requests", models.FloatField(default=0)),
                ("errors_4xx", models.FloatField(default=0)),
                ("errors_5xx", models.FloatField(default=0)),
                ("latency", models.JSONField(default=dict)),
                ("model_latency", models.JSONField(default=dict)),
                ("load_minutes", models.PositiveIntegerField(default=0)),
                ("cpu_percent", models.FloatField(default=0)),
                ("memory_percent", models.FloatField(default=0)),
                ("concurrency", models.FloatField(default=0)),
                ("slot_minutes", models.PositiveIntegerField(default=0)),
                ("asleep_minutes", models.PositiveIntegerField(default=0)),
                ("cold_starts", models.PositiveIntegerField(default=0)),
                ("is_backfilled", models.BooleanField(default=False)),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="health_buckets",
                        to="deployments.deployment",
                    ),
                ),
            ],
            options={
                "ordering": ["start", "version"],
                "indexes": [models.Index(fields=["width", "start"], name="monitoring__width_c64f71_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("deployment", "width", "start", "version"), name="one_health_bucket_per_version"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HealthHistory",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asked_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("hours", models.PositiveIntegerField(default=0)),
                ("error", models.TextField(blank=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "deployment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="health_history",
                        to="deployments.deployment",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="HealthSource",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("minute", models.DateTimeField(blank=True, null=True)),
                ("slots", models.JSONField(blank=True, default=dict)),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.TextField(blank=True)),
                ("last_request_at", models.DateTimeField(blank=True, null=True)),
                (
                    "deployment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="health_source",
                        to="deployments.deployment",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="LabelSource",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("table", models.CharField(max_length=767)),
                ("id_column", models.CharField(max_length=255)),
                ("label_column", models.CharField(max_length=255)),
                ("time_column", models.CharField(blank=True, max_length=255)),
                (
                    "kind",
                    models.CharField(choices=[("classification", "Classes"), ("regression", "Numbers")], max_length=14),
                ),
                ("positive_label", models.CharField(blank=True, max_length=100)),
                ("delay_days", models.PositiveSmallIntegerField(blank=True, null=True)),
                (
                    "metric",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("accuracy", "Accuracy"),
                            ("precision", "Precision of the positive label"),
                            ("recall", "Recall of the positive label"),
                            ("f1", "F1 of the positive label"),
                            ("macro_precision", "Macro precision"),
                            ("macro_recall", "Macro recall"),
                            ("macro_f1", "Macro F1"),
                            ("mae", "MAE"),
                            ("rmse", "RMSE"),
                            ("bias", "Bias"),
                        ],
                        max_length=20,
                    ),
                ),
                ("limit", models.FloatField(blank=True, null=True)),
                ("window_days", models.PositiveSmallIntegerField(default=7)),
                ("updated_at", models.DateTimeField()),
                (
                    "deployment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="label_source",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "updated_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="QualityDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("date", models.DateField()),
                ("predictions", models.PositiveBigIntegerField()),
                ("with_id", models.PositiveBigIntegerField()),
                ("labelled", models.PositiveBigIntegerField()),
                ("timed", models.PositiveBigIntegerField()),
                ("delay_s", models.FloatField()),
                ("pairs", models.JSONField(blank=True, default=list)),
                ("error", models.FloatField(default=0.0)),
                ("absolute", models.FloatField(default=0.0)),
                ("squared", models.FloatField(default=0.0)),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quality_days",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="catalog.modelversion"
                    ),
                ),
            ],
            options={
                "ordering": ["date", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("deployment", "date", "version"), name="one_quality_day_per_version"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("labelled__lte", models.F("predictions"))), name="labels_are_of_predictions"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="QualityJob",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("idle", "Not started"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="idle",
                        max_length=10,
                    ),
                ),
                ("token", models.UUIDField(default=uuid.uuid4)),
                ("job_run_id", models.BigIntegerField(blank=True, null=True)),
                ("job_url", models.CharField(blank=True, max_length=1024)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("message", models.TextField(blank=True)),
                ("first", models.DateField(blank=True, null=True)),
                ("counted_at", models.DateTimeField(blank=True, null=True)),
                ("labels", models.PositiveBigIntegerField(default=0)),
                ("newest_label", models.DateTimeField(blank=True, null=True)),
                ("skipped", models.JSONField(blank=True, default=dict)),
                (
                    "source",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="job", to="monitoring.labelsource"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Receiver",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("email", "E-mail"),
                            ("slack", "Slack"),
                            ("teams", "Microsoft Teams"),
                            ("pagerduty", "PagerDuty"),
                            ("webhook", "Webhook (JSON)"),
                        ],
                        max_length=10,
                    ),
                ),
                ("address", models.BinaryField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="receivers", to="accounts.team"
                    ),
                ),
            ],
            options={
                "ordering": ["team__slug", "name"],
                "constraints": [models.UniqueConstraint(fields=("team", "name"), name="one_receiver_per_name")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "status",
                    models.CharField(
                        choices=[("pending", "Pending"), ("sent", "Sent"), ("failed", "Failed")],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("error", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("next_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                (
                    "event",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="monitoring.alertevent",
                    ),
                ),
                (
                    "receiver",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="monitoring.receiver"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [models.Index(fields=["status", "next_at"], name="monitoring__status_a790ce_idx")],
                "constraints": [models.UniqueConstraint(fields=("event", "receiver"), name="one_delivery_per_event")],
            },
        ),
        migrations.CreateModel(
            name="AlertRoute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "subject",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("health", "Health"),
                            ("drift", "Drift"),
                            ("quality", "Quality"),
                            ("cost", "Cost"),
                            ("config", "Configuration"),
                            ("run", "Run"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "min_severity",
                    models.CharField(
                        choices=[("critical", "Critical"), ("warning", "Warning"), ("info", "Info")],
                        default="warning",
                        max_length=10,
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
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="alert_routes", to="accounts.team"
                    ),
                ),
                (
                    "receiver",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="routes", to="monitoring.receiver"
                    ),
                ),
            ],
            options={
                "ordering": ["team__slug", "receiver__name", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Reconciliation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField()),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("source_total", monitoring.cost.models.ExactField()),
                ("our_total", monitoring.cost.models.ExactField()),
                ("checked_at", models.DateTimeField()),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reconciliations",
                        to="catalog.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ["-month", "workspace", "currency"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "month", "currency"), name="one_reconciliation_per_month"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60)),
                ("query", models.JSONField()),
                ("is_default", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="saved_views",
                        to="accounts.team",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("owner"), django.db.models.functions.text.Lower("name"), name="one_view_per_name"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)), fields=("owner",), name="one_default_view"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SeenRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("finished_at", models.DateTimeField()),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="deployments.run"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("run", "finished_at"), name="each_end_of_a_run_is_heard_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Watch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "health",
                    models.CharField(
                        choices=[
                            ("failing", "Failing"),
                            ("at_risk", "At risk"),
                            ("passing", "Passing"),
                            ("unknown", "Unknown"),
                        ],
                        default="unknown",
                        max_length=10,
                    ),
                ),
                ("health_reason", models.TextField(blank=True)),
                (
                    "drift",
                    models.CharField(
                        choices=[
                            ("failing", "Failing"),
                            ("at_risk", "At risk"),
                            ("passing", "Passing"),
                            ("unknown", "Unknown"),
                        ],
                        default="unknown",
                        max_length=10,
                    ),
                ),
                ("drift_reason", models.TextField(blank=True)),
                (
                    "quality",
                    models.CharField(
                        choices=[
                            ("failing", "Failing"),
                            ("at_risk", "At risk"),
                            ("passing", "Passing"),
                            ("unknown", "Unknown"),
                        ],
                        default="unknown",
                        max_length=10,
                    ),
                ),
                ("quality_reason", models.TextField(blank=True)),
                ("quality_counted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "cost",
                    models.CharField(
                        choices=[
                            ("failing", "Failing"),
                            ("at_risk", "At risk"),
                            ("passing", "Passing"),
                            ("unknown", "Unknown"),
                        ],
                        default="unknown",
                        max_length=10,
                    ),
                ),
                ("cost_reason", models.TextField(blank=True)),
                ("requests_24h", models.FloatField(blank=True, null=True)),
                ("errors_24h", models.FloatField(blank=True, null=True)),
                ("p99_ms", models.FloatField(blank=True, null=True)),
                ("last_request_at", models.DateTimeField(blank=True, null=True)),
                ("week", models.JSONField(blank=True, default=list)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "deployment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="watch", to="deployments.deployment"
                    ),
                ),
            ],
        ),
    ]
