from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def read_again(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What known versions were trained on stands in their runs, which are read once."""
    apps.get_model("catalog", "ModelVersion").objects.update(details_synced_at=None)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_model_risk")]

    operations = [
        migrations.AddField("modelversion", "datasets", models.JSONField(blank=True, default=list)),
        migrations.AddField("modelversion", "feature_importance", models.JSONField(blank=True, null=True)),
        migrations.RunPython(read_again, migrations.RunPython.noop),
    ]
