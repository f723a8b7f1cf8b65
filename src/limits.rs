//! Every bound of the program, in one place. Full is an answer: whoever meets one of these
//! is told so, and nothing grows without end.

use std::time::Duration;

/// Bytes in a SKU, an order id or a request id that a client chose.
pub const ID_BYTES_MAX: usize = 64;
/// The longest request id the gateway makes itself: `release:` before a reservation's id.
pub const REQUEST_ID_BYTES_MAX: usize = ID_BYTES_MAX + "release:".len();
/// Units in one line of a mutation.
pub const QUANTITY_MAX: u64 = 1_000_000_000;
/// Units of one SKU: what a JSON number holds exactly.
pub const STOCK_MAX: i64 = (1 << 53) - 1;
/// Lines in one mutation.
pub const LINES_MAX: usize = 1_000;
/// Bytes in a request body or a WebSocket message.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a body over the limit that are read and dropped, so that its sender gets the answer.
pub const BODY_BYTES_DISCARDED_MAX: usize = 4 * 1024 * 1024;
/// Items in one page of a query.
pub const PAGE_MAX: usize = 1_000;
/// Items in a page when the client names no limit.
pub const PAGE_DEFAULT: usize = 100;
/// Seconds a reservation may last: one year.
pub const RESERVATION_TTL_S_MAX: u64 = 366 * 24 * 3600;
/// Open reservations; they are held in memory.
pub const RESERVATIONS_MAX: usize = 100_000;

/// Mutations that wait for the writer, over all connections; beyond it: `overloaded`.
pub const INTAKE_MAX: usize = 4_096;
/// Places in the intake kept for connections that ask for little, so that greedy ones cannot
/// starve them.
pub const INTAKE_LIGHT_RESERVED: usize = 512;
/// Mutations under way up to which a connection asks for little.
pub const LIGHT_IN_FLIGHT_MAX: usize = 4;
/// Places in the intake kept for the gateway itself, so that terminals cannot starve the sync.
pub const INTAKE_INTERNAL_RESERVED: usize = 64;
/// Frames with transfers or listings that wait for the writer; the hub sends again what was dropped.
pub const INTAKE_FROM_HUB_MAX: usize = 32;
/// Mutations decided in one commit.
pub const BATCH_COMMANDS_MAX: usize = 1_024;
/// Lines in one commit, those of transfers and listings among them, as far as the last of them
/// does not exceed this: many large ones together must not stall everybody.
pub const BATCH_LINES_MAX: usize = 4_096;
/// Mutations of one WebSocket connection that may wait for their answer; then it is not read.
pub const CONNECTION_IN_FLIGHT_MAX: usize = 256;
/// Messages of one connection taken in one go before the others have their turn.
pub const CONNECTION_BURST_MAX: usize = 64;
/// How long the writer waits for a database that another process holds.
pub const DATABASE_WAIT: Duration = Duration::from_secs(5);
/// The same while the storage fails anyway, so that the next answer comes quickly.
pub const DATABASE_WAIT_FAILING: Duration = Duration::from_millis(100);
/// Bytes of a row of the ledger after which the next fact begins another one: a few rows to a
/// page, and little to unpack for one of them.
pub const LEDGER_CHUNK_BYTES: usize = 900;
/// Entries after which every change is in the table of stock, at the latest after twice as many,
/// unless there are more than twice as many SKUs.
pub const CHECKPOINT_ENTRIES_MIN: u64 = 16_384;
/// SKUs looked at in one step of the way there, at least.
pub const CHECKPOINT_STEP: usize = 64;
/// The same at a stop, and how long that may take: a start is quicker behind it.
pub const CHECKPOINT_STEP_AT_STOP: usize = 4_096;
/// See [`CHECKPOINT_STEP_AT_STOP`].
pub const CHECKPOINT_AT_STOP_MAX: Duration = Duration::from_secs(2);
/// Hashes of request ids in one row.
pub const REQUEST_HASHES_PER_ROW: usize = 4_096;
/// Bytes held back on the disk for housekeeping: what the database file may grow by when the log
/// is taken into it, which is 1,000 pages and one large commit long, and what the log grows by
/// meanwhile. More than 2 MB of it have been seen in use.
pub const RESERVE_BYTES: u64 = 8 << 20;
/// Bytes that must be free beyond, or the disk would be full again at once.
pub const RESERVE_SPARE_BYTES: u64 = 1 << 20;
/// How often an idle writer looks after expiry, clock and storage.
pub const WRITER_IDLE: Duration = Duration::from_secs(1);
/// How long the writer may be at one thing before the gateway says that it is not ready.
pub const WRITER_SILENT_MAX: Duration = Duration::from_secs(10);
/// How often the running clock is put on disk while reservations are open.
pub const RUNNING_CLOCK_SAVE_MS: u64 = 30_000;
/// Running time after which a start that found the newest version has proved it: the copies of
/// older ones go.
pub const UPGRADE_COPY_KEPT_MS: u64 = 600_000;
/// Rows of the ledger deleted in one step of pruning.
pub const PRUNE_ROWS_PER_STEP: u64 = 64;
/// Steps of pruning in a second, at most.
pub const PRUNE_STEPS_PER_S_MAX: usize = 10;
/// How often a mark is set from which ages are read when pruning.
pub const RETENTION_MARK_MS: u64 = 3_600_000;

/// Connections on the terminal port, WebSocket sessions among them.
pub const CONNECTIONS_MAX: usize = 12_000;
/// Connections beyond these, that are told that there is no place.
pub const CONNECTIONS_TOLD_MAX: usize = 16;
/// Open files that are not for connections: the database, its readers and copies, the broker.
pub const FILES_RESERVED: usize = 64;
/// Time for a client to send its request head, from the moment the connection is free for it.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a client to send its request body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Time for a client to agree on TLS.
pub const TLS_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes in a request head.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Headers in a request head.
pub const HEADERS_MAX: usize = 64;
/// Wrong tokens from one address before it has to wait. Many terminals may share one address, so
/// neither this nor the rate is small.
pub const WRONG_TOKENS_MAX: u32 = 100;
/// After [`WRONG_TOKENS_MAX`], an address may try one more token per interval of this length.
pub const WRONG_TOKEN_EVERY: Duration = Duration::from_secs(1);
/// Addresses whose wrong tokens are counted separately; all others are counted together.
pub const LOGIN_THROTTLE_ADDRESSES_MAX: usize = 1_024;
/// Requests a second that a token may be limited to.
pub const REQUESTS_PER_S_MAX: u64 = 1_000_000;
/// Time whose requests a token with a limit may send at once.
pub const REQUESTS_BURST: Duration = Duration::from_secs(2);
/// Bytes read of a terminal at once; each has room for them.
pub const TERMINAL_READ_BYTES: usize = 1024;
/// Bytes that the kernel may hold for a client that does not read; it takes twice as many.
pub const SEND_BUFFER_BYTES: u32 = 64 * 1024;
/// The same for a terminal that is closed because it does not read: what was begun, and why it is
/// closed, has room in it.
pub const LAST_WORDS_BUFFER_BYTES: usize = 192 * 1024;
/// Connections that may wait to be accepted.
pub const BACKLOG: u32 = 1_024;
/// Time between pings to a terminal.
pub const PING_EVERY: Duration = Duration::from_secs(10);
/// A terminal from which nothing is heard for this long, not even the answer to a ping, is closed
/// (1013).
pub const TERMINAL_SILENT_MAX: Duration = Duration::from_secs(35);
/// Time for a terminal to take why it is closed.
pub const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(2);
/// A terminal that does not read for this long is closed (1013).
pub const TERMINAL_STALLED_MAX: Duration = Duration::from_secs(30);
/// A terminal that has not shown a token after this long is closed.
pub const TERMINAL_UNKNOWN_MAX: Duration = Duration::from_secs(30);
/// A client that does not take our bytes for this long is cut. Terminals are closed before.
pub const WRITE_STALLED_MAX: Duration = Duration::from_secs(45);
/// SKUs looked at in one hold of the stock's lock when looking for what a terminal listens to.
pub const SCAN_MAX: usize = 500;
/// Bytes in the id of a WebSocket message.
pub const MESSAGE_ID_BYTES_MAX: usize = 256;
/// Items in one stock event; a large stock arrives in several. Whoever gathers them holds the stock
/// meanwhile, so this is small.
pub const EVENT_ITEMS_MAX: usize = 50;
/// Change batches that one feed keeps. A terminal that has missed more searches the stock itself.
pub const FEED_BATCHES_MAX: usize = 32;
/// Feeds over which the subscribed terminals are spread.
pub const FEEDS: usize = 32;
/// Terminals on one feed, as long as another has room: sending to them takes one or two
/// milliseconds.
pub const FEED_SUBSCRIBERS_MAX: usize = 128;
/// Pause after a change batch, for each terminal on its feed: somewhat more than it takes to send
/// the batch, so that the processor has time for other work.
pub const FEED_PACE_PER_SUBSCRIBER: Duration = Duration::from_micros(18);
/// SKUs that one subscription may name.
pub const SUBSCRIPTION_SKUS_MAX: usize = 1_000;

/// Bytes in one frame to or from the hub.
pub const FRAME_BYTES_MAX: usize = 32 * 1024;
/// Entries in one frame.
pub const FRAME_ENTRIES_MAX: usize = 1_000;
/// Transfers in one frame.
pub const FRAME_TRANSFERS_MAX: usize = 500;
/// Lines in one transfer: so many fit a frame, and a long request becomes several.
pub const TRANSFER_LINES_MAX: usize = 250;
/// Listings in one frame.
pub const CATALOGUE_LISTINGS_MAX: usize = 500;
/// Bytes in a name in the catalogue.
pub const CATALOGUE_NAME_BYTES_MAX: usize = 200;
/// Bytes in a scanned code.
pub const CODE_BYTES_MAX: usize = 256;
/// Barcodes of one SKU.
pub const CATALOGUE_BARCODES_MAX: usize = 16;
/// SKUs of which the stock is listed when looking for a difference, and that are reported.
pub const DRIFT_FIGURES_MAX: usize = 250;
/// Frames sent and not yet acknowledged by the hub, counted from the oldest.
pub const WINDOW_FRAMES: usize = 8;
/// Bytes in an MQTT packet that we accept.
pub const MQTT_PACKET_BYTES_MAX: usize = 256 * 1024;
/// Requests that wait inside the MQTT client.
pub const MQTT_REQUESTS_MAX: usize = 64;
/// Time without the hub's answer after which it is asked where it stands; after as long again
/// it counts as offline.
pub const HUB_ANSWER_MS: u64 = 5_000;
/// The shortest time between two questions.
pub const HUB_ASK_MS_MIN: u64 = 1_000;
/// Time between two greetings on an idle link; they show that the hub still answers.
pub const HUB_GREETING_MS: u64 = 60_000;
/// The shortest and the longest wait before the link is tried again.
pub const RECONNECT_MS_MIN: u64 = 1_000;
/// See [`RECONNECT_MS_MIN`].
pub const RECONNECT_MS_MAX: u64 = 60_000;
/// How long the other side must have answered for a loss to be one of its own, rather than one
/// in a row.
pub const RECONNECT_STEADY_MS: u64 = 60_000;
/// The longest of the first waits where connections are lost again and again before that: on a bad
/// link each of them carries something.
pub const RECONNECT_FLAPPING_MS_MAX: u64 = 4_000;
/// How often a repeated event is logged.
pub const LOG_REPEAT_MS: u64 = 60_000;

/// Entries that are kept aside of one database.
pub const ASIDE_MAX: u64 = 100_000;
/// Bytes in a frame of transfers or listings, by what they take at most.
pub const DOWN_BYTES: usize = 24 * 1024;
/// Time after which a gateway is sent again what it has not taken; it doubles from then on.
pub const DOWN_RESEND_MS: u64 = 5_000;
/// See [`DOWN_RESEND_MS`].
pub const DOWN_RESEND_MS_MAX: u64 = 60_000;
/// Bytes in a catalogue as it is published.
pub const CATALOGUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Frames that the hub takes into one transaction.
pub const HUB_BATCH_FRAMES_MAX: usize = 64;
/// Gateways that one hub keeps books for.
pub const HUB_GATEWAYS_MAX: usize = 10_000;
/// SKUs that the metrics name: so many of those that sold out last, and of those with the least.
pub const SCARCE_MAX: usize = 10;
/// How often all SKUs are gone through for that, at most.
pub const SCARCE_LOOK_MS: u64 = 10_000;
/// How often the service manager is told how things stand, if they have changed.
pub const SERVICE_STATUS_EVERY: Duration = Duration::from_secs(5);
/// How long the service manager may take to hear something.
pub const SERVICE_MANAGER_WAIT: Duration = Duration::from_millis(500);
/// Time for everything but the writer to end after a request to stop.
pub const STOP_GRACE: Duration = Duration::from_secs(4);
/// Time after a request to stop at which the writer leaves for the next start what only makes
/// that one quicker.
pub const STOP_TIDY: Duration = Duration::from_millis(4_500);

const _: () = assert!(INTAKE_FROM_HUB_MAX < INTAKE_INTERNAL_RESERVED);
const _: () = assert!(BATCH_COMMANDS_MAX <= INTAKE_MAX);
const _: () = assert!(CONNECTION_IN_FLIGHT_MAX < INTAKE_MAX, "one terminal cannot fill the intake");
const _: () = assert!(FRAME_BYTES_MAX < MQTT_PACKET_BYTES_MAX);
const _: () = assert!(WINDOW_FRAMES < MQTT_REQUESTS_MAX, "a full window fits the client's queue");
const _: () = assert!(LINES_MAX as u64 * QUANTITY_MAX <= STOCK_MAX as u64, "sums of lines fit");
