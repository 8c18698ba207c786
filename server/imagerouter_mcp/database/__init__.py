"""Databases: opened when first needed, migrated, used in transactions, and their failures explained."""
