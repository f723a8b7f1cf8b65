CREATE TABLE stock (
    sku     text PRIMARY KEY,
    on_hand bigint NOT NULL CHECK (on_hand >= 0)
) WITH (fillfactor = 50);

CREATE TABLE ledger (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id text NOT NULL UNIQUE,
    sku        text NOT NULL,
    change     bigint NOT NULL,
    on_hand    bigint NOT NULL,
    at         timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION deduct(id text, of text, units integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    left_over bigint;
BEGIN
    SELECT on_hand INTO left_over FROM ledger WHERE request_id = id;
    IF FOUND THEN
        RETURN left_over;
    END IF;
    UPDATE stock SET on_hand = on_hand - units WHERE sku = of AND on_hand >= units
        RETURNING on_hand INTO left_over;
    IF NOT FOUND THEN
        RAISE 'not enough';
    END IF;
    INSERT INTO ledger (request_id, sku, change, on_hand) VALUES (id, of, -units, left_over);
    RETURN left_over;
END
$$;
