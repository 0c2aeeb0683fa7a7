"""All tables of the catalog in one step. On new tables 0003 has no version to read again."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ("catalog", "0001_initial"),
        ("catalog", "0002_model_risk"),
        ("catalog", "0003_training_data"),
    ]

    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0002_team_monthly_budget"),
    ]

    operations = [
        migrations.CreateModel(
            name="Workspace",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.SlugField(max_length=63, unique=True)),
                ("host", models.URLField(max_length=255)),
                ("credential", models.CharField(default="DATABRICKS", max_length=63)),
                ("refresh_requested_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("sync_started_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("sync_done", models.PositiveIntegerField(default=0, editable=False)),
                ("sync_total", models.PositiveIntegerField(default=0, editable=False)),
                ("synced_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("sync_error", models.TextField(blank=True, editable=False)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="RegisteredModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("full_name", models.CharField(max_length=767)),
                ("catalog_name", models.CharField(max_length=255)),
                ("schema_name", models.CharField(max_length=255)),
                ("name", models.CharField(max_length=255)),
                ("comment", models.TextField(blank=True)),
                ("owner", models.CharField(blank=True, max_length=255)),
                ("tags", models.JSONField(blank=True, default=dict)),
                (
                    "risk",
                    models.CharField(
                        choices=[("low", "Low"), ("medium", "Medium"), ("high", "High"), ("critical", "Critical")],
                        default="medium",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("seen_at", models.DateTimeField()),
                ("versions_synced_at", models.DateTimeField(blank=True, null=True)),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="models",
                        to="accounts.team",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="models", to="catalog.workspace"
                    ),
                ),
            ],
            options={
                "ordering": ["full_name"],
                "indexes": [models.Index(fields=["team", "full_name"], name="catalog_reg_team_id_435e2f_idx")],
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "full_name"), name="one_model_per_name_and_workspace")
                ],
            },
        ),
        migrations.CreateModel(
            name="Environment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.SlugField(max_length=63, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("catalog_name", models.CharField(max_length=255)),
                ("needs_approval", models.BooleanField(default=False)),
                ("approval_expires_after_hours", models.PositiveSmallIntegerField(default=24)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="environments", to="catalog.workspace"
                    ),
                ),
            ],
            options={
                "ordering": ["position", "slug"],
            },
        ),
        migrations.CreateModel(
            name="ModelVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PENDING_REGISTRATION", "Registering"),
                            ("READY", "Ready"),
                            ("FAILED_REGISTRATION", "Registration failed"),
                            ("MODEL_VERSION_STATUS_UNKNOWN", "Unknown"),
                        ],
                        default="MODEL_VERSION_STATUS_UNKNOWN",
                        max_length=40,
                    ),
                ),
                ("run_id", models.CharField(blank=True, max_length=64)),
                ("source", models.CharField(blank=True, max_length=1024)),
                ("comment", models.TextField(blank=True)),
                ("aliases", models.JSONField(blank=True, default=list)),
                ("tags", models.JSONField(blank=True, default=dict)),
                ("metrics", models.JSONField(blank=True, default=dict)),
                ("params", models.JSONField(blank=True, default=dict)),
                ("signature", models.JSONField(blank=True, default=dict)),
                ("input_example", models.JSONField(blank=True, null=True)),
                ("flavors", models.JSONField(blank=True, default=list)),
                ("requirements", models.JSONField(blank=True, default=list)),
                ("datasets", models.JSONField(blank=True, default=list)),
                ("feature_importance", models.JSONField(blank=True, null=True)),
                ("size_bytes", models.PositiveBigIntegerField(blank=True, null=True)),
                ("created_by", models.CharField(blank=True, max_length=255)),
                ("created_at", models.DateTimeField(blank=True, null=True)),
                ("updated_at", models.DateTimeField(blank=True, null=True)),
                ("details_synced_at", models.DateTimeField(blank=True, null=True)),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="catalog.registeredmodel",
                    ),
                ),
            ],
            options={
                "ordering": ["-version"],
                "constraints": [models.UniqueConstraint(fields=("model", "version"), name="one_row_per_model_version")],
            },
        ),
    ]
