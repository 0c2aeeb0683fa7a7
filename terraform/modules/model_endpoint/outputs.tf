output "endpoint_name" {
  description = "Name of the serving endpoint."
  value       = databricks_model_serving.this.name
}

output "serving_endpoint_id" {
  description = "Id of the endpoint in the workspace; permissions refer to it. It changes when the endpoint is made anew."
  value       = databricks_model_serving.this.serving_endpoint_id
}

output "endpoint_url" {
  description = "Where requests go. Empty when the workspace does not tell: then it is <host>/serving-endpoints/<name>/invocations."
  value       = databricks_model_serving.this.endpoint_url
}

output "resources" {
  description = "What this module manages: resource address inside the module to id in the workspace."
  value = merge(
    { "databricks_model_serving.this" = databricks_model_serving.this.id },
    { for index, rule in databricks_permissions.this : "databricks_permissions.this[${index}]" => rule.id },
  )
}
