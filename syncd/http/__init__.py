"""The management endpoint: one route table, from which routing, permission checks and the OpenAPI document are made."""
