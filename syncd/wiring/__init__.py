"""How the use cases of managing people are put together: one module for each family, one function for each service."""
