from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def tell_apart(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What was read from inference tables is the latency of the model alone."""
    filled = apps.get_model("monitoring", "HealthBucket").objects.filter(is_backfilled=True)
    filled.update(model_latency=models.F("latency"), latency={})


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0011_quality_standing")]

    operations = [
        migrations.AddField("healthbucket", "model_latency", models.JSONField(default=dict)),
        migrations.AddField("healthbucket", "slot_minutes", models.PositiveIntegerField(default=0)),
        migrations.AddField("healthbucket", "asleep_minutes", models.PositiveIntegerField(default=0)),
        migrations.AddField("healthbucket", "cold_starts", models.PositiveIntegerField(default=0)),
        migrations.AddField("healthsource", "slots", models.JSONField(blank=True, default=dict)),
        migrations.RunPython(tell_apart, migrations.RunPython.noop),
    ]
