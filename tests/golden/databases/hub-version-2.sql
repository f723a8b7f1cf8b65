
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.aside (
    book bigint NOT NULL,
    seq bigint NOT NULL,
    kind bigint NOT NULL,
    sku text NOT NULL COLLATE pg_catalog."C",
    change bigint NOT NULL,
    reserved_change bigint NOT NULL,
    order_id text COLLATE pg_catalog."C",
    request_id text NOT NULL COLLATE pg_catalog."C",
    at_ms bigint NOT NULL
);

CREATE TABLE public.ask (
    n bigint NOT NULL,
    sku text NOT NULL COLLATE pg_catalog."C",
    book bigint NOT NULL
);

CREATE TABLE public.book (
    id bigint NOT NULL,
    site text NOT NULL COLLATE pg_catalog."C",
    gateway text NOT NULL COLLATE pg_catalog."C",
    epoch bytea NOT NULL,
    acked_seq bigint NOT NULL,
    digest bigint NOT NULL,
    chain bigint NOT NULL,
    fenced text COLLATE pg_catalog."C",
    known_seq bigint NOT NULL,
    issued bigint NOT NULL,
    taken bytea NOT NULL,
    landed bytea NOT NULL,
    retired bigint NOT NULL,
    problem text COLLATE pg_catalog."C",
    searching bigint NOT NULL,
    differing bytea NOT NULL,
    aside bigint NOT NULL,
    last_seen_ms bigint NOT NULL,
    online bigint NOT NULL
);

CREATE TABLE public.entry (
    book bigint NOT NULL,
    seq bigint NOT NULL,
    kind bigint NOT NULL,
    sku text NOT NULL COLLATE pg_catalog."C",
    change bigint NOT NULL,
    reserved_change bigint NOT NULL,
    order_id text COLLATE pg_catalog."C",
    request_id text NOT NULL COLLATE pg_catalog."C",
    at_ms bigint NOT NULL
);

CREATE TABLE public.held (
    sku text NOT NULL COLLATE pg_catalog."C",
    book bigint NOT NULL,
    on_hand bigint NOT NULL,
    reserved bigint NOT NULL,
    in_transit bigint NOT NULL
);

CREATE TABLE public.listing (
    sku text NOT NULL COLLATE pg_catalog."C",
    n bigint NOT NULL,
    name text COLLATE pg_catalog."C",
    barcodes text NOT NULL COLLATE pg_catalog."C"
);

CREATE TABLE public.policy (
    sku text NOT NULL COLLATE pg_catalog."C",
    low_water bigint NOT NULL,
    target bigint NOT NULL
);

CREATE TABLE public.pool (
    sku text NOT NULL COLLATE pg_catalog."C",
    received bigint NOT NULL,
    adjusted bigint NOT NULL,
    deducted bigint NOT NULL,
    unallotted bigint NOT NULL,
    in_transit bigint NOT NULL
);

CREATE TABLE public.request (
    n bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    remembered bytea NOT NULL
);

CREATE TABLE public.stockgate_version (
    version bigint
);

CREATE TABLE public.transfer (
    book bigint NOT NULL,
    number bigint NOT NULL,
    request_id text NOT NULL COLLATE pg_catalog."C",
    transfer bytea NOT NULL,
    returned bytea NOT NULL,
    closed bigint NOT NULL
);

INSERT INTO public.aside VALUES (3, 2, 0, 'A', -1, 0, NULL, 'r2', 0);

INSERT INTO public.book VALUES (2, 'wh', 'b', '\x00000000000000000000000000000001', 5, -7168787341550494254, -3051680198723699148, NULL, 5, 3, '\x020400', '\x0300', 0, NULL, 0, '\x00', 0, 0, 1);
INSERT INTO public.book VALUES (1, 'wh', 'a', '\x00000000000000000000000000000000', 7, 6114010956267203518, -7169826865767395641, NULL, 7, 1, '\x000000', '\x0100', 0, NULL, 0, '\x00', 0, 0, 1);
INSERT INTO public.book VALUES (3, 'wh', 'c', '\x00000000000000000000000000000002', 1, 8764475254981293412, 5346863405395595049, 'the database was retired at entry 1; entries 2 to 2 never arrived', 2, 0, '\x000000', '\x0100', 1, 'the database was retired at entry 1; entries 2 to 2 never arrived', 0, '\x00', 1, 0, 0);
INSERT INTO public.book VALUES (4, 'wh', 'c', '\x0000000000000000000000000000004d', 0, 0, 0, NULL, 0, 1, '\x000000', '\x0100', 0, NULL, 0, '\x00', 0, 0, 1);

INSERT INTO public.entry VALUES (1, 1, 1, 'A', 50, 0, NULL, 'r1', 0);
INSERT INTO public.entry VALUES (2, 1, 1, 'A', 20, 0, NULL, 'r1', 0);
INSERT INTO public.entry VALUES (1, 2, 0, 'A', -7, 0, NULL, 'r2', 0);
INSERT INTO public.entry VALUES (1, 3, 2, 'A', -2, 0, NULL, 'r3', 0);
INSERT INTO public.entry VALUES (1, 4, 3, 'A', 3, 0, NULL, 'r4', 0);
INSERT INTO public.entry VALUES (1, 5, 4, 'A', 0, 6, NULL, 'r5', 0);
INSERT INTO public.entry VALUES (1, 6, 5, 'A', -4, -4, NULL, 'r6', 0);
INSERT INTO public.entry VALUES (1, 7, 6, 'A', 0, -2, NULL, 'r7', 0);
INSERT INTO public.entry VALUES (2, 2, 0, 'A', -15, 0, NULL, 'r2', 0);
INSERT INTO public.entry VALUES (2, 3, 8, 'A', 10, 0, NULL, 'replenish:00000000000000000000000000000001:1', 0);
INSERT INTO public.entry VALUES (2, 4, 9, 'A', -5, 0, NULL, 'back', 0);
INSERT INTO public.entry VALUES (2, 5, 0, 'A', -3, 0, NULL, 'r3', 0);
INSERT INTO public.entry VALUES (3, 1, 1, 'A', 30, 0, NULL, 'r1', 0);

INSERT INTO public.held VALUES ('A', 2, 7, 0, 8);
INSERT INTO public.held VALUES ('A', 1, 40, 0, 12);
INSERT INTO public.held VALUES ('A', 3, 0, 0, 0);
INSERT INTO public.held VALUES ('A', 4, 0, 0, 30);

INSERT INTO public.listing VALUES ('A', 1, 'Äpfel', '4006381333931');

INSERT INTO public.policy VALUES ('A', 10, 15);

INSERT INTO public.pool VALUES ('A', 200, -2, 35, 66, 50);

INSERT INTO public.request VALUES (1, 'po-1', '\xf3b2a7aebbaffed5370772656365697074000101014164c80100');
INSERT INTO public.request VALUES (2, 'back', '\xa5b8bed6daee82951706726563616c6c000201014105b40100');
INSERT INTO public.request VALUES (3, 'g-1', '\xcac4ddd6a69fb2aacc01056772616e7400030101410c960128');
INSERT INTO public.request VALUES (4, 'd-1', '\x8dedc3c5b5b5d9bacb0106646564756374000401014109840128');

INSERT INTO public.stockgate_version VALUES (2);

INSERT INTO public.transfer VALUES (2, 1, 'replenish:00000000000000000000000000000001:1', '\x000101410a', '\x0100', 1);
INSERT INTO public.transfer VALUES (2, 2, 'back', '\x0101014105', '\x010a', 1);
INSERT INTO public.transfer VALUES (2, 3, 'replenish:00000000000000000000000000000001:3', '\x0001014108', '\x0100', 0);
INSERT INTO public.transfer VALUES (1, 1, 'g-1', '\x000101410c', '\x0100', 0);
INSERT INTO public.transfer VALUES (4, 1, 'bring-back:0000000000000000000000000000004d:1', '\x000101411e', '\x0100', 0);

ALTER TABLE ONLY public.aside
    ADD CONSTRAINT aside_pkey PRIMARY KEY (book, seq);

ALTER TABLE ONLY public.ask
    ADD CONSTRAINT ask_pkey PRIMARY KEY (n);

ALTER TABLE ONLY public.ask
    ADD CONSTRAINT ask_sku_book_key UNIQUE (sku, book);

ALTER TABLE ONLY public.book
    ADD CONSTRAINT book_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.book
    ADD CONSTRAINT book_site_gateway_epoch_key UNIQUE (site, gateway, epoch);

ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (book, seq);

ALTER TABLE ONLY public.held
    ADD CONSTRAINT held_pkey PRIMARY KEY (sku, book);

ALTER TABLE ONLY public.listing
    ADD CONSTRAINT listing_n_key UNIQUE (n);

ALTER TABLE ONLY public.listing
    ADD CONSTRAINT listing_pkey PRIMARY KEY (sku);

ALTER TABLE ONLY public.policy
    ADD CONSTRAINT policy_pkey PRIMARY KEY (sku);

ALTER TABLE ONLY public.pool
    ADD CONSTRAINT pool_pkey PRIMARY KEY (sku);

ALTER TABLE ONLY public.request
    ADD CONSTRAINT request_id_key UNIQUE (id);

ALTER TABLE ONLY public.request
    ADD CONSTRAINT request_pkey PRIMARY KEY (n);

ALTER TABLE ONLY public.transfer
    ADD CONSTRAINT transfer_pkey PRIMARY KEY (book, number);

CREATE INDEX held_of_book ON public.held USING btree (book);

CREATE INDEX transfer_of_request ON public.transfer USING btree (request_id);

