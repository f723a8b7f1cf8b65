//! Frames that do not get through between a gateway and the hub for their size, as the books and people
//! know of them.

use crate::sizes;

/// Frames that do not reach a gateway though smaller ones do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostFrames {
    pub bytes: u32,
    /// Host and port of the hub's broker, because another one has another limit.
    pub broker: String,
}

/// What is said of frames that do not get through between a gateway and the hub. In which direction they
/// were lost is not kept: both pass the same broker.
pub fn size_limit(bytes: u64) -> String {
    format!(
        "frames of {} between it and the hub do not get through, small ones do: a size limit of the broker or of a proxy",
        sizes::Bytes(bytes)
    )
}
