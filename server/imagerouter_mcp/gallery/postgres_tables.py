"""The gallery's tables in PostgreSQL: those of `tables.py`, each row with the person it belongs to."""

from imagerouter_mcp.gallery.error_fields import error_field

_TABLES = ("generations", "images", "journal", "deleted", "spent", "changes")
EVERYBODY = "everybody"
"""Stands for all people when the operator's sums are read; no person has this id."""
_PERSON = "person text NOT NULL DEFAULT current_setting('imagerouter.person')"


def _apart(table: str) -> str:
    """Return the statements that limit each transaction to the rows of its person."""
    return f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY own_rows ON {table} USING (person = current_setting('imagerouter.person'));
    """


def _counted(table: str, events: str) -> str:
    """Return the triggers that take a generation's charges away before a change and add them after it."""
    return f"""
        CREATE TRIGGER take_charges BEFORE {events} ON {table} FOR EACH ROW EXECUTE FUNCTION take_charges();
        CREATE TRIGGER add_charges AFTER {events} ON {table} FOR EACH ROW EXECUTE FUNCTION add_charges();
    """


def _watched(table: str) -> str:
    """Return the trigger that notes that a person's rows have changed."""
    return f"""
        CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION note_change();
    """


_COST = f"CAST({error_field('cost_usd')} AS numeric)"

POSTGRES_MIGRATIONS = (
    f"""
    CREATE TABLE generations (
        {_PERSON},
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        handle text NOT NULL,
        created_at double precision NOT NULL,
        prompt text NOT NULL,
        revised_prompt text,
        model text NOT NULL,
        parameters text NOT NULL,
        sources text NOT NULL,
        cost_usd numeric,
        latency_ms bigint,
        words text NOT NULL,
        UNIQUE (person, handle)
    );
    CREATE INDEX generations_newest ON generations (person, id);
    CREATE INDEX generations_created_at ON generations (person, created_at);
    CREATE INDEX generations_model ON generations (person, model, id);

    CREATE TABLE images (
        {_PERSON},
        handle text NOT NULL,
        generation_id bigint NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
        position integer NOT NULL,
        path bytea,
        url text,
        media_type text,
        width bigint,
        height bigint,
        bytes bigint,
        seconds double precision,
        original_of text,
        finishing text,
        PRIMARY KEY (person, handle),
        UNIQUE (generation_id, position)
    );
    CREATE INDEX images_own ON images (person, generation_id, position) WHERE original_of IS NULL;
    CREATE INDEX images_original_of ON images (person, original_of) WHERE original_of IS NOT NULL;
    CREATE INDEX images_path ON images (person, path) WHERE path IS NOT NULL;

    CREATE TABLE journal (
        {_PERSON},
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        handle text NOT NULL,
        call text NOT NULL,
        fingerprint text NOT NULL,
        owner text NOT NULL,
        state text NOT NULL,
        delivered boolean NOT NULL,
        created_at double precision NOT NULL,
        ended_at double precision,
        clock text,
        ended_uptime double precision,
        prompt text NOT NULL,
        model text NOT NULL,
        reserved_usd numeric,
        job text,
        notes text NOT NULL,
        error text CHECK (error IS NULL OR error::jsonb IS NOT NULL),
        UNIQUE (person, handle)
    );
    CREATE INDEX journal_call ON journal (person, call);
    CREATE INDEX journal_fingerprint ON journal (person, fingerprint);
    CREATE INDEX journal_state ON journal (person, state, ended_at);
    CREATE INDEX journal_job ON journal (person, ended_at) WHERE job IS NOT NULL;
    CREATE INDEX journal_unfinished ON journal (person, id)
        WHERE state IN ('preparing', 'queued', 'working', 'unknown') OR NOT delivered;

    CREATE TABLE deleted (
        {_PERSON},
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        handle text NOT NULL,
        deleted_at double precision NOT NULL,
        UNIQUE (person, handle)
    );
    CREATE INDEX deleted_newest ON deleted (person, id);

    CREATE TABLE spent (
        {_PERSON},
        quarter bigint NOT NULL,
        model text NOT NULL,
        certain boolean NOT NULL,
        micro_usd bigint NOT NULL,
        results bigint NOT NULL,
        PRIMARY KEY (person, quarter, model, certain)
    );
    CREATE VIEW charges AS
        SELECT person, handle, generations.created_at, generations.model, cost_usd IS NOT NULL AS certain,
            coalesce(cost_usd, reserved_usd, 0) AS usd
        FROM generations LEFT JOIN journal USING (person, handle)
        UNION ALL
        SELECT person, handle, created_at, model,
            {_COST} IS NOT NULL AND coalesce({error_field("kept")}, 'false') != 'true',
            coalesce({_COST}, reserved_usd, 0)
        FROM journal WHERE reserved_usd IS NOT NULL
            AND (state = 'unknown' OR state = 'failed' AND coalesce({error_field("charged")}, 'yes') = 'yes');
    CREATE FUNCTION count_charges(generation text, times integer) RETURNS void LANGUAGE sql AS $$
        INSERT INTO spent (quarter, model, certain, micro_usd, results)
        SELECT floor(created_at / 900), model, certain, times * sum(round(usd * 1000000)), times * count(*)
        FROM charges WHERE handle = generation GROUP BY 1, 2, 3
        ON CONFLICT (person, quarter, model, certain) DO UPDATE
        SET micro_usd = spent.micro_usd + excluded.micro_usd, results = spent.results + excluded.results
    $$;
    CREATE FUNCTION take_charges() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM count_charges(CASE TG_OP WHEN 'INSERT' THEN NEW.handle ELSE OLD.handle END, -1);
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END $$;
    CREATE FUNCTION add_charges() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM count_charges(CASE TG_OP WHEN 'DELETE' THEN OLD.handle ELSE NEW.handle END, 1);
        RETURN NULL;
    END $$;
    {_counted("generations", "INSERT OR UPDATE OF created_at, model, cost_usd")}
    {_counted("journal", "INSERT OR DELETE OR UPDATE OF created_at, model, state, reserved_usd, error")}

    CREATE TABLE changes (                      -- how often a person's rows have changed
        {_PERSON} PRIMARY KEY,
        version bigint NOT NULL
    );
    CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO changes (version) VALUES (1)
        ON CONFLICT (person) DO UPDATE SET version = changes.version + 1;
        RETURN NULL;
    END $$;
    {"".join(map(_watched, ("generations", "images", "journal")))}
    CREATE VIEW pragma_data_version AS SELECT coalesce(max(version), 0) AS data_version FROM changes;
    {"".join(map(_apart, _TABLES))}
    """,  # noqa: S608 - our own words
    f"""
    ALTER TABLE journal ADD COLUMN own_key boolean NOT NULL DEFAULT false;
    ALTER TABLE spent ADD COLUMN own_key boolean NOT NULL DEFAULT false;
    ALTER TABLE spent DROP CONSTRAINT spent_pkey;
    ALTER TABLE spent ADD PRIMARY KEY (person, quarter, model, certain, own_key);
    CREATE OR REPLACE VIEW charges AS
        SELECT person, handle, generations.created_at, generations.model, cost_usd IS NOT NULL AS certain,
            coalesce(cost_usd, reserved_usd, 0) AS usd, coalesce(own_key, false) AS own_key
        FROM generations LEFT JOIN journal USING (person, handle)
        UNION ALL
        SELECT person, handle, created_at, model,
            {_COST} IS NOT NULL AND coalesce({error_field("kept")}, 'false') != 'true',
            coalesce({_COST}, reserved_usd, 0), own_key
        FROM journal WHERE reserved_usd IS NOT NULL
            AND (state = 'unknown' OR state = 'failed' AND coalesce({error_field("charged")}, 'yes') = 'yes');
    CREATE OR REPLACE FUNCTION count_charges(generation text, times integer) RETURNS void LANGUAGE sql AS $$
        INSERT INTO spent (quarter, model, certain, own_key, micro_usd, results)
        SELECT floor(created_at / 900), model, certain, own_key, times * sum(round(usd * 1000000)),
            times * count(*)
        FROM charges WHERE handle = generation GROUP BY 1, 2, 3, 4
        ON CONFLICT (person, quarter, model, certain, own_key) DO UPDATE
        SET micro_usd = spent.micro_usd + excluded.micro_usd, results = spent.results + excluded.results
    $$;
    """,  # noqa: S608 - our own words
    f"""
    CREATE POLICY sums_of_all ON spent FOR SELECT
        USING (current_setting('imagerouter.person') = '{EVERYBODY}');
    CREATE POLICY sums_of_all ON journal FOR SELECT
        USING (current_setting('imagerouter.person') = '{EVERYBODY}' AND state IN ('queued', 'working'));
    """,
)
"""As `migrations` of a `Schema`."""
