-- One row for each database of each gateway; the one with the highest id is in force.
CREATE TABLE book (
    id              {int}  NOT NULL PRIMARY KEY,
    site            {text} NOT NULL,
    gateway         {text} NOT NULL,
    epoch           {blob} NOT NULL,
    acked_seq       {int}  NOT NULL,
    digest          {int}  NOT NULL,
    chain           {int}  NOT NULL,
    fenced          {text},
    known_seq       {int}  NOT NULL,
    issued          {int}  NOT NULL,
    taken           {blob} NOT NULL,
    landed          {blob} NOT NULL,
    retired         {int}  NOT NULL,
    problem         {text},
    searching       {int}  NOT NULL,
    differing       {blob} NOT NULL,
    aside           {int}  NOT NULL,
    last_seen_ms    {int}  NOT NULL,
    online          {int}  NOT NULL,
    UNIQUE (site, gateway, epoch)
){table};

CREATE TABLE entry (
    book            {int}  NOT NULL,
    seq             {int}  NOT NULL,
    kind            {int}  NOT NULL,
    sku             {text} NOT NULL,
    change          {int}  NOT NULL,
    reserved_change {int}  NOT NULL,
    order_id        {text},
    request_id      {text} NOT NULL,
    at_ms           {int}  NOT NULL,
    PRIMARY KEY (book, seq)
){table};

-- Late entries of fenced and replaced databases.
CREATE TABLE aside (
    book            {int}  NOT NULL,
    seq             {int}  NOT NULL,
    kind            {int}  NOT NULL,
    sku             {text} NOT NULL,
    change          {int}  NOT NULL,
    reserved_change {int}  NOT NULL,
    order_id        {text},
    request_id      {text} NOT NULL,
    at_ms           {int}  NOT NULL,
    PRIMARY KEY (book, seq)
){table};

-- The allotments: the stock of each database by the sums of its entries, and what is in transit
-- to it.
CREATE TABLE held (
    sku             {text} NOT NULL,
    book            {int}  NOT NULL,
    on_hand         {int}  NOT NULL,
    reserved        {int}  NOT NULL,
    in_transit      {int}  NOT NULL,
    PRIMARY KEY (sku, book)
){table};
CREATE INDEX held_of_book ON held (book);

-- Where units came from and went to: received + adjusted - deducted is what exists.
CREATE TABLE pool (
    sku             {text} NOT NULL PRIMARY KEY,
    received        {int}  NOT NULL,
    adjusted        {int}  NOT NULL,
    deducted        {int}  NOT NULL,
    unallotted      {int}  NOT NULL,
    in_transit      {int}  NOT NULL
){table};

CREATE TABLE transfer (
    book            {int}  NOT NULL,
    number          {int}  NOT NULL,
    request_id      {text} NOT NULL,
    transfer        {blob} NOT NULL,
    returned        {blob} NOT NULL,
    closed          {int}  NOT NULL,
    PRIMARY KEY (book, number)
){table};
CREATE INDEX transfer_of_request ON transfer (request_id);

CREATE TABLE request (
    n               {int}  NOT NULL PRIMARY KEY,
    id              {text} NOT NULL UNIQUE,
    remembered      {blob} NOT NULL
){table};

CREATE TABLE policy (
    sku             {text} NOT NULL PRIMARY KEY,
    low_water       {int}  NOT NULL,
    target          {int}  NOT NULL
){table};

-- The books that wait for more of a SKU, in the order of n.
CREATE TABLE ask (
    n               {int}  NOT NULL PRIMARY KEY,
    sku             {text} NOT NULL,
    book            {int}  NOT NULL,
    UNIQUE (sku, book)
){table};

CREATE TABLE listing (
    sku             {text} NOT NULL PRIMARY KEY,
    n               {int}  NOT NULL UNIQUE,
    name            {text},
    barcodes        {text} NOT NULL
){table};
