#!/bin/sh
# Makes the role and the database of the servers; the image of PostgreSQL runs it once, on an empty volume.
# The role is no superuser, so that row-level security holds it.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$DATABASE_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE imagerouter LOGIN PASSWORD :'password';
CREATE DATABASE imagerouter OWNER imagerouter;
SQL
