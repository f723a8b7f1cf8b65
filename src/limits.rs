//! Every bound of the program, in one place. A client that reaches a bound gets an answer that says
//! so, and nothing grows without limit.

use std::time::Duration;

#[cfg(feature = "hub")]
mod batches;
mod buffers;
mod frame_sizes;
mod pruning;
mod signing;
#[cfg(feature = "hub")]
mod sinks;
#[cfg(feature = "hub")]
pub use self::batches::*;
pub use self::buffers::*;
pub use self::frame_sizes::*;
pub use self::pruning::*;
pub use self::signing::*;
#[cfg(feature = "hub")]
pub use self::sinks::*;

/// Bytes in a SKU, an order id or a request id that a client chose.
pub const ID_BYTES_MAX: usize = 64;
/// The longest request id that the gateway makes itself: `release:` and a reservation's id.
pub const REQUEST_ID_BYTES_MAX: usize = ID_BYTES_MAX + "release:".len();
/// Units in one line of a mutation.
pub const QUANTITY_MAX: u64 = 1_000_000_000;
/// Units of one SKU on hand: the largest integer that a JSON number holds exactly.
pub const STOCK_MAX: i64 = (1 << 53) - 1;
/// Lines in one mutation.
pub const LINES_MAX: usize = 1_000;
/// Bytes in a request body or a WebSocket message.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a body over the limit that are read and dropped, so that its sender reads the answer.
pub const BODY_BYTES_DISCARDED_MAX: usize = 4 * 1024 * 1024;
/// Items in one page of a query.
pub const PAGE_MAX: usize = 1_000;
/// Items in a page for which the client gives no limit.
pub const PAGE_DEFAULT: usize = 100;
/// Lifetime of a reservation in seconds: one year.
pub const RESERVATION_TTL_S_MAX: u64 = 366 * 24 * 3600;
/// Open reservations, which are held in memory.
pub const RESERVATIONS_MAX: usize = 100_000;
/// Lines of all open reservations: each takes 32 bytes of memory. One with a lot, serial or date counts
/// as two, and as one more for each 64 bytes of these texts.
pub const RESERVED_LINES_MAX: usize = 1_000_000;
/// Lines of reservations on one page, which the last reservation may exceed.
pub const RESERVATION_PAGE_LINES_MAX: usize = 4_096;

/// Mutations that wait for the writer, over all connections. More are answered `overloaded`.
pub const INTAKE_MAX: usize = 4_096;
/// Slots of the intake that only connections with few mutations in flight may use, so that busy
/// ones cannot starve them.
pub const INTAKE_LIGHT_RESERVED: usize = 512;
/// Mutations in flight below which a connection may use those slots.
pub const LIGHT_IN_FLIGHT_MAX: usize = 4;
/// Slots of the intake for the gateway's own jobs, so that terminals cannot starve the sync.
pub const INTAKE_INTERNAL_RESERVED: usize = 64;
/// Frames with transfers or listings that wait for the writer. The hub repeats dropped ones.
pub const INTAKE_FROM_HUB_MAX: usize = 32;
/// Mutations decided in one commit.
pub const BATCH_COMMANDS_MAX: usize = 1_024;
/// Lines in one commit, those of transfers and listings included, after which no more jobs are
/// added: many large ones together must not delay everybody.
pub const BATCH_LINES_MAX: usize = 4_096;
/// Lines that expire in one commit, after which no more reservations do: requests that arrive
/// during a mass expiry wait for one or two such commits.
pub const EXPIRED_LINES_MAX: usize = 1_024;
/// Mutations in flight on one WebSocket connection, after which it is not read.
pub const CONNECTION_IN_FLIGHT_MAX: usize = 256;
/// Messages of one connection handled in a row before other connections have their turn.
pub const CONNECTION_BURST_MAX: usize = 64;
/// How long the writer waits for a database that another process holds.
pub const DATABASE_WAIT: Duration = Duration::from_secs(5);
/// The same while the storage fails anyway, so that the next answer comes sooner.
pub const DATABASE_WAIT_FAILING: Duration = Duration::from_millis(100);
/// How long a check that the files are in their place counts before a batch. After each batch they
/// are checked again in any case, so this only saves system calls under load.
pub const PLACEMENT_CHECK_FRESH: Duration = Duration::from_millis(10);
/// Bytes in a row of the ledger after which the next ledger record starts a new row: a few rows fit
/// a page, and little has to be decoded to read one record.
pub const LEDGER_CHUNK_BYTES: usize = 900;
/// Entries that a checkpoint of the stock table spreads over, unless there are more than twice as
/// many SKUs. A change is in the table after twice as many entries at the latest.
pub const CHECKPOINT_ENTRIES_MIN: u64 = 16_384;
/// SKUs that one step of a checkpoint visits, at least.
pub const CHECKPOINT_STEP: usize = 64;
/// SKUs that one step of the checkpoint at a stop visits.
pub const CHECKPOINT_STEP_AT_STOP: usize = 4_096;
/// Time for the checkpoint at a stop, which makes the next start faster.
pub const CHECKPOINT_AT_STOP_MAX: Duration = Duration::from_secs(2);
/// Records of the ledger: the request index has 36 bits for their numbers, enough for two years at a
/// thousand requests a second.
pub const RECORD_NUMBER_MAX: i64 = (1 << 36) - 1;
/// Hashes of request ids in one row.
pub const REQUEST_HASHES_PER_ROW: usize = 4_096;
/// Bytes held back on the disk for housekeeping: the growth of the database file at a checkpoint of
/// the log, which is 1,000 pages and one large commit long, and the growth of the log meanwhile.
/// More than 2 MB of it have been observed in use.
pub const RESERVE_BYTES: u64 = 8 << 20;
/// Bytes that must be free in addition, or the disk would be full again at once.
pub const RESERVE_SPARE_BYTES: u64 = 1 << 20;
/// How long a query waits for what has to be read from the disk.
pub const READ_WAIT: Duration = Duration::from_secs(10);
/// How long the metrics wait for the sizes of files.
pub const SIZES_WAIT: Duration = Duration::from_secs(1);
/// Bytes of the write-ahead log from which it counts as growing: twice what it keeps when it starts
/// over, which it does after 1,000 pages unless a reader prevents it.
pub const WAL_LARGE_BYTES: u64 = 16 << 20;
/// The interval at which an idle writer checks reservations, clock and storage.
pub const WRITER_IDLE: Duration = Duration::from_secs(1);
/// Time without progress of the writer after which the gateway is not ready.
pub const WRITER_SILENT_MAX: Duration = Duration::from_secs(10);
/// The interval at which running time is saved while reservations are open.
pub const RUNNING_CLOCK_SAVE_MS: u64 = 30_000;
/// Running time after which an upgraded database has proved itself, and the copies of older
/// versions are deleted.
pub const UPGRADE_COPY_KEPT_MS: u64 = 600_000;
/// The interval of the marks from which the age of entries is read when pruning.
pub const RETENTION_MARK_MS: u64 = 3_600_000;

/// Connections on the terminal port, WebSocket sessions included.
pub const CONNECTIONS_MAX: usize = 12_000;
/// Connections that have sent no whole head, and as many that have shown no token since; half of each
/// from one address. The oldest gives way to the next: at 10,000 new ones a second, each has a tenth
/// of a second for its head.
pub const UNKNOWN_CONNECTIONS_MAX: usize = 2_048;
/// Time for a connection to end that gives way to another one.
pub const GIVE_WAY_MAX: Duration = Duration::from_millis(250);
/// Connections over that limit that get an error before they are closed.
pub const CONNECTIONS_REFUSED_MAX: usize = 16;
/// Open files other than connections: the database, its readers and copies, the broker.
pub const FILES_RESERVED: usize = 64;
/// Time for a client to send its first byte.
pub const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a client to send its first request head, after its first byte.
pub const FIRST_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a client to send a further request head, from the moment the connection is idle. Proxies
/// keep an idle connection for 60 s; it must be the proxy that closes it, or a request that it sends
/// just then is lost.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(75);
/// Time for a client to send its request body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Time for a client to complete the TLS handshake.
pub const TLS_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes in a WebSocket message of a client that has not been let in.
pub const UNKNOWN_MESSAGE_BYTES_MAX: usize = 1024;
/// Bytes in a request head.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Headers in a request head.
pub const HEADERS_MAX: usize = 64;
/// Characters of a token: as many random ones cannot be guessed at any rate.
pub const TOKEN_CHARS_MIN: usize = 16;
/// Sites that a token of the hub may be bound to: a query names each of them.
pub const TOKEN_SITES_MAX: usize = 64;
/// Different wrong tokens from one address, or showings of the same one, before further ones have to
/// wait. Many terminals may share one address, so neither this nor the rate is small.
pub const WRONG_TOKENS_MAX: u32 = 100;
/// After [`WRONG_TOKENS_MAX`], one more is looked at per interval of this length.
pub const WRONG_TOKEN_EVERY: Duration = Duration::from_secs(1);
/// Wrong tokens of which each is counted by itself when it is shown again; further ones count as
/// different tokens each time.
pub const LOGIN_THROTTLE_TOKENS_MAX: usize = 1_024;
/// Addresses whose wrong tokens are counted separately; all others are counted together.
pub const LOGIN_THROTTLE_ADDRESSES_MAX: usize = 1_024;
/// Requests a second to which a token may be limited.
pub const REQUESTS_PER_S_MAX: u64 = 1_000_000;
/// The time whose requests a limited token may send in one burst.
pub const REQUESTS_BURST: Duration = Duration::from_secs(2);
/// Bytes read from a terminal at once; each terminal has a buffer of this size.
pub const TERMINAL_READ_BYTES: usize = 1024;
/// Bytes that the kernel may hold for a client that does not read; it allocates twice as many.
pub const SEND_BUFFER_BYTES: u32 = 64 * 1024;
/// The same for a terminal that is closed because it does not read: the rest of the current message
/// and the close frame fit into it.
pub const CLOSE_BUFFER_BYTES: usize = 192 * 1024;
/// Connections that may wait to be accepted.
pub const BACKLOG: u32 = 1_024;
/// Time between pings to a terminal.
pub const PING_EVERY: Duration = Duration::from_secs(10);
/// A terminal that is silent for this long, answers to pings included, is closed (1013).
pub const TERMINAL_SILENT_MAX: Duration = Duration::from_secs(35);
/// Time for a terminal to receive the reason for being closed.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// A terminal that does not read for this long is closed (1013).
pub const TERMINAL_STALLED_MAX: Duration = Duration::from_secs(30);
/// A terminal that has not authenticated after this long is closed.
pub const TERMINAL_UNKNOWN_MAX: Duration = Duration::from_secs(10);
/// A client that accepts no bytes for this long is disconnected. Terminals are closed earlier.
pub const WRITE_STALLED_MAX: Duration = Duration::from_secs(45);
/// SKUs examined while the stock's lock is held once, for a subscription or the hub's questions.
pub const STOCK_SCAN_MAX: usize = 500;
/// The time that a connection pays for each SKU it makes the gateway look at: 200,000 in a second,
/// which takes about 2 % of a processor core of a server and 20 % of one of a small controller.
pub const WALK_TIME_PER_SKU: Duration = Duration::from_micros(5);
/// The time whose SKUs a connection may make the gateway look at in one burst.
pub const WALK_BURST: Duration = Duration::from_secs(1);
/// Bytes in the id of a WebSocket message.
pub const MESSAGE_ID_BYTES_MAX: usize = 256;
/// Items in one stock event; a large stock is sent in several. The stock's lock is held while the
/// items are collected, so this is small.
pub const EVENT_ITEMS_MAX: usize = 50;
/// Change batches that one feed keeps. A terminal that has missed more searches the stock itself.
pub const FEED_BATCHES_MAX: usize = 32;
/// Feeds over which the subscribed terminals are spread.
pub const FEEDS: usize = 32;
/// Terminals on one feed, as long as another has room: sending to them takes one or two
/// milliseconds.
pub const FEED_SUBSCRIBERS_MAX: usize = 128;
/// SKUs that the catalogue has changed and that wait for the feeds: 3 MB. Beyond, terminals get all again.
pub const RELISTED_MAX: usize = 100_000;
/// Pause after a change batch, for each terminal on its feed: somewhat more than it takes to send
/// the batch, so that the processor has time for other work.
pub const FEED_PACE_PER_SUBSCRIBER: Duration = Duration::from_micros(18);
/// Reasons that the page may offer.
pub const REASONS_MAX: usize = 20;
/// SKUs that all subscriptions together may name: 50 MB, more if they are long.
pub const NAMED_SKUS_MAX: usize = 2_000_000;

/// Entries in one frame.
pub const FRAME_ENTRIES_MAX: usize = 1_000;
/// Transfers in one frame.
pub const FRAME_TRANSFERS_MAX: usize = 500;
/// Rows of refused demand, one for each SKU and day: at most 2 MB of memory. Lines of further SKUs
/// are counted by a metric alone.
pub const DEMAND_ROWS_MAX: usize = 10_000;
/// Days after which refused demand is deleted that was sent to the hub: it may have to be sent again.
pub const DEMAND_DAYS_KEPT: u32 = 3;
/// The same if it was not sent: longer than most outages.
pub const DEMAND_DAYS_UNSENT_MAX: u32 = 31;
/// The shortest time between two writes of refused demand; a power cut costs what comes between.
pub const DEMAND_SAVE_MS: u64 = 60_000;
/// The shortest time between two reports of refused demand.
pub const DEMAND_REPORT_MS: u64 = 60_000;
/// The shortest time between two frames of one report: it must not fill a slow link.
pub const DEMAND_FRAME_MS: u64 = 1_000;
/// The shortest time between two reports of all refused demand, however often the link is lost.
pub const DEMAND_REPEAT_MS: u64 = 600_000;
/// SKUs in one frame of refused demand: that many fit with the longest names.
pub const DEMAND_SKUS_MAX: usize = 250;
/// How many transfers, and how many recoveries, a gateway can be ahead of older books. A device
/// that claims more is held alone: taken for true, its numbers would leave none for the books.
pub const TRANSFERS_AHEAD_MAX: u64 = 1_000_000;
pub const RECOVERIES_AHEAD_MAX: u64 = 1_000;
/// Lines in one transfer: that many fit a frame.
pub const TRANSFER_LINES_MAX: usize = 250;
/// Lines in one transfer that the hub issues; a longer request becomes several transfers. That many
/// fit a frame that passes a broker with a limit of 4 KiB.
pub const TRANSFER_LINES_ISSUED: usize = 48;
/// Bytes of the name and version of a gateway's program in its greeting.
pub const SOFTWARE_BYTES_MAX: usize = 256;
/// Text of the catalogue that one step of a search looks through.
pub const CATALOGUE_SEGMENT_BYTES: usize = 64 * 1024;
/// Searches through the catalogue at the same time.
pub const SEARCHES_MAX: usize = 2;
/// Listings in one frame.
pub const CATALOGUE_LISTINGS_MAX: usize = 500;
/// Bytes in a name in the catalogue.
pub const CATALOGUE_NAME_BYTES_MAX: usize = 200;
/// Bytes in a scanned code.
pub const CODE_BYTES_MAX: usize = 256;
/// Bytes in the unit of a SKU's quantity.
pub const CATALOGUE_UNIT_BYTES_MAX: usize = 16;
/// Doubtful lines that are reported of one published catalogue: more than people read.
pub const CATALOGUE_WARNINGS_MAX: usize = 1_000;
/// Barcodes of one SKU.
pub const CATALOGUE_BARCODES_MAX: usize = 16;
/// SKUs whose stock is listed in a search for differences, and SKUs that are reported.
pub const DRIFT_FIGURES_MAX: usize = 250;
/// Frames in flight: sent, but not yet acknowledged by the hub.
pub const WINDOW_FRAMES: usize = 8;
/// Bytes in an MQTT packet that is accepted. The payload of a longer message is dropped.
pub const MQTT_PACKET_BYTES_MAX: usize = 256 * 1024;
/// The interval of MQTT's keep-alive.
pub const MQTT_KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Time to connect to the broker, and for every write; generous, for slow cellular links.
pub const MQTT_NETWORK_TIMEOUT: Duration = Duration::from_secs(30);
/// Time after which a connection is given up if nothing that was sent is acknowledged, not even by the
/// kernel at the other end: after an outage a new connection is quicker than the next repetition.
pub const MQTT_UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);
/// Time for the broker's name to be resolved.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(9);
/// An answer that takes longer comes from the resolver itself, after the time that it waits for a
/// name server.
pub const RESOLVE_SILENCE: Duration = Duration::from_millis(4_500);
/// The same if its addresses are known from an earlier time.
pub const RESOLVE_FALLBACK: Duration = Duration::from_secs(2);
/// Time after which the broker's next address is tried as well (RFC 8305).
pub const DIAL_NEXT: Duration = Duration::from_millis(250);
/// Time after which all of the broker's addresses are tried once more.
pub const DIAL_AGAIN: Duration = Duration::from_secs(3);
/// Requests that wait inside the MQTT client.
pub const MQTT_REQUESTS_MAX: usize = 64;
/// Time without an answer of the hub after which it is greeted; after the same time again it counts
/// as offline.
pub const HUB_ANSWER_MS: u64 = 5_000;
/// The shortest time between two greetings.
pub const HUB_GREETING_MS_MIN: u64 = 1_000;
/// Time between greetings on an idle link, which show that the hub still answers.
pub const HUB_GREETING_MS: u64 = 60_000;
/// The shortest wait before reconnecting.
pub const RECONNECT_MS_MIN: u64 = 1_000;
/// The longest wait before reconnecting.
pub const RECONNECT_MS_MAX: u64 = 60_000;
/// The longest time from one attempt to the next if no broker answers: such an attempt costs a few
/// small packets and burdens no broker.
pub const RECONNECT_UNANSWERED_MS_MAX: u64 = 4_000;
/// Time that a connection must have been answered on, so that its loss counts as a new one and not
/// as one of a series.
pub const RECONNECT_STEADY_MS: u64 = 60_000;
/// The longest first wait in a series of losses: on a bad link each short connection still carries
/// something.
pub const RECONNECT_FLAPPING_MS_MAX: u64 = 4_000;
/// How often a repeated event is logged.
pub const LOG_REPEAT_MS: u64 = 60_000;

/// Entries kept aside of one closed database.
pub const ASIDE_MAX: u64 = 100_000;
/// Bytes in a frame of transfers or listings, by the longest possible encoding.
pub const DOWN_BYTES: usize = 24 * 1024;
/// Time after which the hub repeats what a gateway has not confirmed; it doubles each time.
pub const DOWN_RESEND_MS: u64 = 5_000;
/// The longest such time.
pub const DOWN_RESEND_MS_MAX: u64 = 60_000;
/// A catalogue that drops more than one of this many listings may be the wrong file, and has to be
/// confirmed.
pub const CATALOGUE_DROPPED_PER_MAX: usize = 10;
/// Catalogues that are received and read at the same time.
pub const CATALOGUES_READ_MAX: usize = 2;
/// Bytes in a published catalogue.
pub const CATALOGUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Frames for gateways other than answers that wait for the broker's client. They may be as large
/// as a frame can be, so this bounds memory to some megabytes.
pub const OUTGOING_BULK_MAX: usize = 256;
/// Frames of the catalogue that the hub keeps for the next gateways.
pub const CATALOGUE_FRAMES_MAX: usize = 16;
/// A gateway of which no worker has heard for so long does not count as online once a worker's
/// connection to the broker is lost: more than two greetings of an idle link.
pub const HUB_SILENT_MS: i64 = 150_000;
/// How long ago a day may be whose demand is counted: more than a year, for comparisons.
pub const DEMAND_DAYS_MAX: i64 = 400;
/// Gateways that are not enrolled and are shown: enough to find those that are to be enrolled.
pub const STRANGERS_MAX: usize = 1_000;
/// Databases for which one hub keeps books.
pub const HUB_GATEWAYS_MAX: usize = 10_000;
/// Databases of one gateway that are not retired. A database is replaced a few times in the life of
/// a gateway; one that makes up more must not use up the places of others. People free them.
pub const GATEWAY_DATABASES_MAX: usize = 32;
/// SKUs of one database that it has booked in other decimals than the catalogue gives them.
pub const WHOLE_UNITS_MAX: usize = 1_000;
/// SKUs named in the metrics: this many that sold out last, and this many with the least stock.
pub const SCARCE_MAX: usize = 10;
/// The shortest interval between searches for them.
pub const SCARCE_REPORT_MS: u64 = 10_000;
/// The interval at which the service manager is told a changed status.
pub const SERVICE_STATUS_EVERY: Duration = Duration::from_secs(5);
/// Time for the service manager to accept a message.
pub const SERVICE_MANAGER_WAIT: Duration = Duration::from_millis(500);
/// The longest time that a transaction on the books takes in PostgreSQL; a request is answered within
/// five seconds.
pub const BOOKS_TRANSACTION_MAX: Duration = Duration::from_millis(4_500);
/// The time to connect to one PostgreSQL server, unless `connect_timeout` in its address names
/// another.
pub const BOOKS_CONNECT_MAX: Duration = Duration::from_secs(2);
/// The number of connections of one hub process to its books: one for the writer, one for the end of
/// the feed, the others for readers.
pub const BOOKS_CONNECTIONS_MAX: usize = 2 + BOOKS_READERS_MAX;
/// The number of queries that read the books at once.
pub const BOOKS_READERS_MAX: usize = 4;
/// The life of a reservation in the hub's pool whose request names none, in seconds.
pub const HUB_RESERVATION_TTL_S: u64 = 900;
/// Sales that wait for units from elsewhere.
pub const OPEN_ORDERS_MAX: usize = 1_000;
/// How long such a sale waits if its request does not say, and at most, in milliseconds.
pub const ORDER_WAIT_MS: u32 = 500;
pub const ORDER_WAIT_MS_MAX: u32 = 10_000;
/// Sites and gateways that one request prefers.
pub const PREFERRED_MAX: usize = 100;
/// Entries that are looked at in one query of the feed.
pub const FEED_SCAN_MAX: usize = 2_000;
/// Clients that wait for events of the feed at once.
pub const FEED_FOLLOWERS_MAX: usize = 256;
/// The longest time that a request for events waits for the first one.
pub const FEED_WAIT_MAX: Duration = Duration::from_secs(30);
/// Connections on the hub's gRPC port. A client needs one for all of its calls.
pub const GRPC_CONNECTIONS_MAX: usize = 1_000;
/// Bytes in one request for the health or the description of the service, which needs no token.
pub const GRPC_PUBLIC_REQUEST_BYTES_MAX: usize = 1024;
/// Calls at the same time on one connection; a client queues further ones.
pub const GRPC_STREAMS_MAX: u32 = 100;
/// Bytes that a gRPC client may send ahead of what is read, in one call and in all calls of its
/// connection. What is read counts for [`BUFFERED_BYTES_MAX`] until its message is decoded.
pub const GRPC_STREAM_WINDOW: u32 = 64 * 1024;
pub const GRPC_CONNECTION_WINDOW: u32 = 256 * 1024;
/// Bytes in one message to a client, which one item may exceed. Most clients take 4 MiB.
pub const GRPC_ANSWER_BYTES_MAX: usize = 1 << 20;
/// The longest time of a call that is no stream: a slow request, the longest wait of a sale, and the
/// wait for the writer. A client may set a shorter one.
pub const GRPC_CALL_MAX: Duration = Duration::from_secs(30);
/// Time between pings to a gRPC client, and for its answer.
pub const GRPC_PING_EVERY: Duration = Duration::from_secs(30);
pub const GRPC_PING_WAIT: Duration = Duration::from_secs(20);
/// SKUs whose changes one update of a watched stock joins at most; a watch may name as many.
pub const WATCH_SKUS_MAX: usize = 1_000;
/// The shortest time between two updates: what changes meanwhile is joined.
pub const WATCH_PACE: Duration = Duration::from_millis(50);
/// How often a watch that has had no update is told how far it is.
pub const WATCH_CURSOR_EVERY: Duration = Duration::from_secs(15);
/// The same while it catches up.
pub const WATCH_CATCH_UP_CURSOR_EVERY: Duration = Duration::from_secs(1);
/// A watch whose client takes no update for this long is ended.
pub const WATCH_STALLED_MAX: Duration = Duration::from_secs(30);
/// Parts of a response that wait for a client that does not read.
pub const RESPONSE_PARTS_MAX: usize = 2;
/// Time for the hub's writer to end once everything else has: one transaction that fails.
pub const WRITER_STOP_GRACE: Duration = Duration::from_secs(5);
/// The longest time that a request waits for the hub's writer.
pub const BOOKS_ANSWER_MAX: Duration = Duration::from_millis(4_800);
/// Time after a request to stop for everything but the writer to end.
pub const STOP_GRACE: Duration = Duration::from_secs(4);
/// Time after a request to stop at which the writer skips work that only makes the next start
/// faster.
pub const STOP_TIDY: Duration = Duration::from_millis(4_500);

const _: () = assert!(HEADER_TIMEOUT.as_secs() > 60, "a proxy closes first");
const _: () = assert!(GRPC_CALL_MAX.as_millis() > ORDER_WAIT_MS_MAX as u128 + 15_000);
const _: () = assert!(INTAKE_FROM_HUB_MAX < INTAKE_INTERNAL_RESERVED);
const _: () = assert!(BATCH_COMMANDS_MAX <= INTAKE_MAX);
const _: () = assert!(CONNECTION_IN_FLIGHT_MAX < INTAKE_MAX, "one terminal cannot fill the intake");
const _: () = assert!(FRAME_BYTES_MAX < MQTT_PACKET_BYTES_MAX);
const _: () = assert!(FRAME_TRIAL_ANSWER_MS < HUB_GREETING_MS);
const _: () = assert!(RECONNECT_FLAPPING_MS_MAX < FRAME_CAUTION_MS);
const _: () = assert!(WINDOW_FRAMES < MQTT_REQUESTS_MAX, "a full window fits the client's queue");
const _: () = assert!(LINES_MAX as u64 * QUANTITY_MAX <= STOCK_MAX as u64, "sums of lines fit");
