"""A run kind's choices alone: no column changes, and no run has ever had one of the two kinds that go."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("deployments", "0015_month_spend_unrounded"),
    ]

    operations = [
        migrations.AlterField(
            model_name="run",
            name="kind",
            field=models.CharField(
                choices=[
                    ("deploy", "Deploy"),
                    ("rollback", "Roll back"),
                    ("adopt", "Adopt"),
                    ("destroy", "Destroy"),
                ],
                max_length=10,
            ),
        ),
    ]
