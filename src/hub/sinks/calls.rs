//! What people ask of a sink: that it is tried at once.
//!
//! A worker may hear of the same request twice: from the client that sends it, and from the books, where
//! other workers find it. Its number tells that it is the same.

use std::sync::Arc;

use tokio::sync::watch;

/// The number of the last request that this process has heard of. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Arc<watch::Sender<i64>>);

impl Calls {
    /// Notes a request.
    pub(super) fn hear(&self, number: i64) {
        self.0.send_if_modified(|last| {
            let is_new = number > *last;
            *last = number.max(*last);
            is_new
        });
    }

    /// Waits for a request after one; returns the number of the last one.
    pub(super) async fn after(&self, answered: i64) -> i64 {
        let mut heard = self.0.subscribe();
        let last = heard.wait_for(|last| *last > answered).await;
        last.map_or(answered, |last| *last)
    }

    /// Forgets requests that books have lost which were replaced by an older copy.
    pub(super) fn forget_after(&self, number: i64) {
        self.0.send_if_modified(|last| {
            *last = number.min(*last);
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_request_that_is_heard_of_twice_is_answered_once() {
        let calls = Calls::default();
        let after =
            async |answered| timeout(Duration::from_millis(20), calls.after(answered)).await;
        assert!(after(0).await.is_err());
        calls.hear(1);
        assert_eq!(after(0).await, Ok(1));
        calls.hear(1);
        assert!(after(1).await.is_err());
        calls.hear(2);
        assert_eq!(after(1).await, Ok(2));
    }

    #[tokio::test]
    async fn a_request_to_books_that_have_lost_some_is_new() {
        let calls = Calls::default();
        calls.hear(7);
        calls.forget_after(4);
        calls.hear(5);
        assert_eq!(calls.after(4).await, 5);
    }
}
