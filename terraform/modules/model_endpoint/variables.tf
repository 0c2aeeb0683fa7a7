variable "endpoint_name" {
  description = "Name of the serving endpoint. It cannot be changed later: another name is another endpoint."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?$", var.endpoint_name))
    error_message = "endpoint_name needs 1 to 63 letters, digits, '-' or '_', with a letter or digit at both ends."
  }

  validation {
    condition     = !startswith(lower(var.endpoint_name), "databricks-")
    error_message = "endpoint_name must not start with 'databricks-': that prefix is reserved."
  }
}

variable "served_entities" {
  description = "Model versions behind the endpoint, in a fixed order."
  type = list(object({
    name                  = string
    entity_name           = string
    entity_version        = string
    workload_size         = string
    workload_type         = optional(string, "CPU")
    scale_to_zero_enabled = optional(bool, true)
    environment_vars      = optional(map(string), {})
  }))

  validation {
    condition     = length(var.served_entities) >= 1 && length(var.served_entities) <= 10
    error_message = "served_entities needs 1 to 10 entries."
  }

  validation {
    condition     = length(distinct(var.served_entities[*].name)) == length(var.served_entities)
    error_message = "Each served entity needs a name of its own."
  }

  validation {
    condition     = alltrue([for entity in var.served_entities : can(regex("^[a-zA-Z0-9_-]{1,63}$", entity.name))])
    error_message = "The name of a served entity needs 1 to 63 letters, digits, '-' or '_'."
  }

  validation {
    condition     = alltrue([for entity in var.served_entities : contains(["Small", "Medium", "Large"], entity.workload_size)])
    error_message = "workload_size is Small, Medium or Large."
  }

  validation {
    condition     = alltrue([for entity in var.served_entities : length(entity.environment_vars) <= 30])
    error_message = "A served entity takes at most 30 environment variables."
  }
}

variable "routes" {
  description = "Share of the traffic in percent for each served entity, in a fixed order. Empty: everything goes to the only entity."
  type = list(object({
    served_entity_name = string
    traffic_percentage = number
  }))
  default = []

  validation {
    condition     = length(var.routes) > 0 ? sum(var.routes[*].traffic_percentage) == 100 : length(var.served_entities) == 1
    error_message = "The routes must add up to 100 %, and may be left out only with a single served entity."
  }

  validation {
    condition = alltrue([
      for route in var.routes :
      route.traffic_percentage >= 0 && route.traffic_percentage <= 100 && floor(route.traffic_percentage) == route.traffic_percentage
    ])
    error_message = "traffic_percentage is a whole number from 0 to 100."
  }

  validation {
    condition     = length(var.routes) == 0 ? true : toset(var.routes[*].served_entity_name) == toset(var.served_entities[*].name) && length(var.routes) == length(var.served_entities)
    error_message = "Each served entity needs exactly one route."
  }
}

variable "tags" {
  description = "Tags of the endpoint; they reach the billing tables."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.tags) <= 20
    error_message = "An endpoint takes at most 20 tags."
  }
}

variable "inference_table" {
  description = "Where requests and responses are logged. Once set, switch it off with enabled = false and keep the block: the provider cannot remove it."
  type = object({
    enabled           = optional(bool, true)
    catalog_name      = string
    schema_name       = string
    table_name_prefix = string
  })
  default = null
}

variable "usage_tracking" {
  description = "Whether requests are counted in system.serving.endpoint_usage. null leaves it unmanaged; once set, use false instead of null."
  type        = bool
  default     = null
}

variable "permissions" {
  description = "Who may do what with the endpoint. Exactly one principal in each entry."
  type = list(object({
    group_name             = optional(string)
    user_name              = optional(string)
    service_principal_name = optional(string)
    permission_level       = string
  }))
  default = []

  validation {
    condition     = alltrue([for rule in var.permissions : contains(["CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"], rule.permission_level)])
    error_message = "permission_level is CAN_VIEW, CAN_QUERY or CAN_MANAGE."
  }

  validation {
    condition = alltrue([
      for rule in var.permissions :
      length([for principal in [rule.group_name, rule.user_name, rule.service_principal_name] : principal if principal != null]) == 1
    ])
    error_message = "Each permission names exactly one of group_name, user_name and service_principal_name."
  }
}

variable "create_timeout" {
  description = "How long a new endpoint may take, for example 45m. It is deleted when it takes longer."
  type        = string
  default     = "45m"
}

variable "update_timeout" {
  description = "How long an update may take, for example 45m."
  type        = string
  default     = "45m"
}
