locals {
  # Always explicit: a traffic block left to the server would keep naming the version before last after an update.
  routes = length(var.routes) > 0 ? var.routes : [
    { served_entity_name = var.served_entities[0].name, traffic_percentage = 100 }
  ]

  has_ai_gateway = var.inference_table != null || var.usage_tracking != null
}

resource "databricks_model_serving" "this" {
  name = var.endpoint_name

  config {
    dynamic "served_entities" {
      for_each = var.served_entities

      content {
        name                  = served_entities.value.name
        entity_name           = served_entities.value.entity_name
        entity_version        = served_entities.value.entity_version
        workload_size         = served_entities.value.workload_size
        workload_type         = served_entities.value.workload_type
        scale_to_zero_enabled = served_entities.value.scale_to_zero_enabled
        environment_vars      = length(served_entities.value.environment_vars) > 0 ? served_entities.value.environment_vars : null
      }
    }

    traffic_config {
      dynamic "routes" {
        for_each = local.routes

        content {
          served_entity_name = routes.value.served_entity_name
          traffic_percentage = routes.value.traffic_percentage
        }
      }
    }
  }

  dynamic "ai_gateway" {
    for_each = local.has_ai_gateway ? [true] : []

    content {
      dynamic "inference_table_config" {
        for_each = var.inference_table != null ? [var.inference_table] : []

        content {
          enabled           = inference_table_config.value.enabled
          catalog_name      = inference_table_config.value.catalog_name
          schema_name       = inference_table_config.value.schema_name
          table_name_prefix = inference_table_config.value.table_name_prefix
        }
      }

      dynamic "usage_tracking_config" {
        for_each = var.usage_tracking != null ? [var.usage_tracking] : []

        content {
          enabled = usage_tracking_config.value
        }
      }
    }
  }

  dynamic "tags" {
    for_each = var.tags

    content {
      key   = tags.key
      value = tags.value
    }
  }

  timeouts {
    create = var.create_timeout
    update = var.update_timeout
  }
}

resource "databricks_permissions" "this" {
  count = length(var.permissions) > 0 ? 1 : 0

  serving_endpoint_id = databricks_model_serving.this.serving_endpoint_id

  dynamic "access_control" {
    for_each = var.permissions

    content {
      group_name             = access_control.value.group_name
      user_name              = access_control.value.user_name
      service_principal_name = access_control.value.service_principal_name
      permission_level       = access_control.value.permission_level
    }
  }
}
