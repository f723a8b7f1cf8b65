//! Limits on what is held of input and output, and on who waits for the disk.

/// Bytes of unfinished handshakes, heads, bodies and messages of all connections, beyond those that are
/// free: over a hundred of the largest at the same time.
pub const BUFFERED_BYTES_MAX: usize = 8 << 20;
/// Of these, the bytes for clients that have not been let in.
pub const BUFFERED_BYTES_UNKNOWN_MAX: usize = 2 << 20;
/// Bytes of something unfinished that each connection may send whatever the others send: most heads
/// and messages are shorter.
pub const BUFFERED_BYTES_FREE: usize = 4 * 1024;
/// Bytes that are held of what one connection sends over TLS and is not plaintext yet: a message of the
/// handshake, and what is read of the next one with it.
pub const TLS_HELD_BYTES_MAX: usize = 68 * 1024;
/// Scans that wait for the disk: they need a look or two at the catalogue each.
pub const SCANS_WAITING_MAX: usize = 1_024;
/// Other queries that wait for the disk. Even at 20 ms each, the last one is not too late.
pub const QUERIES_WAITING_MAX: usize = 256;
/// Bytes of long answers that the clients of a port have not read yet: 500 pages of a thousand items.
pub const OUTGOING_BYTES_MAX: usize = 64 << 20;
/// Bytes of an answer that is sent whatever the others hold.
pub const OUTGOING_BYTES_FREE: usize = 4 * 1024;
/// Bytes that TLS holds for a client that does not read, one record.
pub const TLS_SEND_BYTES: usize = 16 * 1024;
