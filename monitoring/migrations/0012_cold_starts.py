from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0011_quality_standing")]

    operations = [
        migrations.AddField("healthbucket", "model_latency", models.JSONField(default=dict)),
        migrations.AddField("healthbucket", "slot_minutes", models.PositiveIntegerField(default=0)),
        migrations.AddField("healthbucket", "asleep_minutes", models.PositiveIntegerField(default=0)),
        migrations.AddField("healthbucket", "cold_starts", models.PositiveIntegerField(default=0)),
        migrations.AddField("healthsource", "slots", models.JSONField(blank=True, default=dict)),
    ]
