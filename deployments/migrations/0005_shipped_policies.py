"""The rules that Slipway comes with, each in its first version."""

from django.db import migrations

# (rule, environment, risk, change, level, parameters). An empty place is "all".
SHIPPED = (
    ("inference_table", "staging", "", "", "advisory", {}),
    ("inference_table", "prod", "", "", "advisory", {}),
    ("scale_to_zero", "", "", "", "advisory", {}),
    ("scale_to_zero", "prod", "", "", "off", {}),
    ("required_tags", "", "", "", "advisory", {"tags": ["team", "cost_center"]}),
    ("required_tags", "prod", "", "", "overridable", {"tags": ["team", "cost_center"]}),
    ("workload_size", "dev", "", "", "overridable", {"max_size": "Small", "allow_gpu": False}),
    ("workload_size", "staging", "", "", "overridable", {"max_size": "Medium", "allow_gpu": True}),
    ("workload_size", "prod", "", "", "overridable", {"max_size": "Large", "allow_gpu": True}),
    ("monitored", "prod", "", "", "overridable", {}),
    ("idle_before_destroy", "prod", "", "delete", "overridable", {"hours": 24}),
    ("owner_team", "", "", "", "mandatory", {}),
    ("second_person", "", "", "", "off", {}),
    ("second_person", "prod", "high", "", "mandatory", {}),
    ("second_person", "prod", "critical", "", "mandatory", {}),
    ("second_person", "staging", "critical", "", "mandatory", {}),
    ("budget", "", "", "", "advisory", {"warn_percent": 80, "approve_percent": 100}),
)


def ship(apps, schema_editor):
    Policy = apps.get_model("deployments", "Policy")
    PolicyVersion = apps.get_model("deployments", "PolicyVersion")
    for rule, environment, risk, change, level, parameters in SHIPPED:
        policy, created = Policy.objects.get_or_create(
            rule=rule,
            environment=environment,
            risk=risk,
            change=change,
            defaults={"level": level, "parameters": parameters, "version": 1},
        )
        if created:
            PolicyVersion.objects.create(
                policy=policy, number=1, level=level, parameters=parameters, reason="Comes with Slipway."
            )


class Migration(migrations.Migration):
    dependencies = [("deployments", "0004_policies_freezes_notices")]

    # Backwards the tables go, and what is in them with them.
    operations = [migrations.RunPython(ship, migrations.RunPython.noop)]
