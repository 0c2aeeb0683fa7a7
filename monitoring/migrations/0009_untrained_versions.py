from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0008_importance_note")]

    operations = [migrations.AddField("driftjob", "untrained", models.JSONField(blank=True, default=dict))]
