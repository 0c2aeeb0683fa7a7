"""Request bodies as clients send them: structure and types only. The API answers 400 for invalid bodies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool, StrictInt, StringConstraints

Text = Annotated[str, StringConstraints(strict=True)]


class ServedEntityBody(BaseModel):
    name: Text | None = None
    entity_name: Text | None = None
    entity_version: Text | None = None
    workload_size: Text | None = None
    workload_type: Text | None = None
    scale_to_zero_enabled: StrictBool | None = None
    min_provisioned_concurrency: StrictInt | None = None
    max_provisioned_concurrency: StrictInt | None = None
    environment_vars: dict[str, Text] | None = None
    instance_profile_arn: Text | None = None
    # Documented, but for endpoint types that the sandbox does not have.
    external_model: dict[str, Any] | None = None
    min_provisioned_throughput: StrictInt | None = None
    max_provisioned_throughput: StrictInt | None = None
    provisioned_model_units: StrictInt | None = None


class ServedModelBody(ServedEntityBody):
    """A served entity in the older format."""

    model_name: Text | None = None
    model_version: Text | None = None

    def as_entity(self) -> ServedEntityBody:
        values = self.model_dump(exclude={"model_name", "model_version"})
        values |= {"entity_name": self.model_name, "entity_version": self.model_version}
        return ServedEntityBody(**values)


class RouteBody(BaseModel):
    served_entity_name: Text | None = None
    served_model_name: Text | None = None
    traffic_percentage: StrictInt


class TrafficConfigBody(BaseModel):
    routes: list[RouteBody] | None = None


class ConfigBody(BaseModel):
    served_entities: list[ServedEntityBody] | None = None
    served_models: list[ServedModelBody] | None = None
    traffic_config: TrafficConfigBody | None = None
    auto_capture_config: dict[str, Any] | None = None


class TagBody(BaseModel):
    key: Annotated[Text, Field(min_length=1, max_length=127)]
    value: Annotated[Text, Field(max_length=255)] = ""


class TagsPatchBody(BaseModel):
    add_tags: list[TagBody] | None = None
    delete_tags: list[Text] | None = None


class EnabledBody(BaseModel):
    enabled: StrictBool | None = None


class InferenceTableBody(EnabledBody):
    catalog_name: Text | None = None
    schema_name: Text | None = None
    table_name_prefix: Text | None = None


class GatewayRateLimitBody(BaseModel):
    calls: Annotated[StrictInt, Field(ge=0)] | None = None
    tokens: Annotated[StrictInt, Field(ge=0)] | None = None
    key: Literal["user", "user_group", "service_principal", "endpoint"] | None = None
    principal: Text | None = None
    renewal_period: Literal["minute"]


class AiGatewayBody(BaseModel):
    fallback_config: EnabledBody | None = None
    guardrails: dict[str, Any] | None = None
    inference_table_config: InferenceTableBody | None = None
    rate_limits: list[GatewayRateLimitBody] | None = None
    usage_tracking_config: EnabledBody | None = None


class RateLimitBody(BaseModel):
    calls: Annotated[StrictInt, Field(ge=0)]
    key: Literal["user", "endpoint"] | None = None
    renewal_period: Literal["minute"]


class RateLimitsBody(BaseModel):
    rate_limits: list[RateLimitBody] | None = None


class EmailNotificationsBody(BaseModel):
    on_update_success: list[Text] | None = None
    on_update_failure: list[Text] | None = None


class NotificationsPatchBody(BaseModel):
    email_notifications: EmailNotificationsBody | None = None


class TelemetryPatchBody(BaseModel):
    telemetry_config: dict[str, Any] | None = None


class CreateBody(BaseModel):
    name: Text
    config: ConfigBody | None = None
    ai_gateway: AiGatewayBody | None = None
    tags: list[TagBody] | None = None
    route_optimized: StrictBool | None = None
    description: Text | None = None
    budget_policy_id: Text | None = None
    email_notifications: EmailNotificationsBody | None = None
    rate_limits: list[RateLimitBody] | None = None
    telemetry_config: dict[str, Any] | None = None


def given(body: BaseModel | None) -> dict[str, Any] | None:
    """The fields that were sent; None if the body is None or empty."""
    if body is None:
        return None
    return body.model_dump(exclude_none=True) or None
