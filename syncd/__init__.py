"""syncd keeps a SQL store of people, organizations and roles true to LDAP directories."""

__version__ = "0.1.0"
