//! The clients that wait until a sale from anywhere is decided. The writer tells them after the commit;
//! of what another worker has decided, they hear from [`sales`](super::sales).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::stock::RequestId;

/// Those who wait, by sale. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenSales {
    waiting: Arc<Mutex<BTreeMap<RequestId, watch::Sender<()>>>>,
}

/// Waits for the decision of one sale.
#[derive(Debug)]
pub(super) struct Decision(watch::Receiver<()>);

impl OpenSales {
    /// Waits for the decision of a sale, if it comes from now on.
    pub(super) fn follow(&self, id: &RequestId) -> Decision {
        let mut waiting = self.lock();
        waiting.retain(|_, sender| sender.receiver_count() > 0);
        Decision(waiting.entry(id.clone()).or_default().subscribe())
    }

    /// The sales that clients wait for.
    pub(super) fn ids(&self) -> Vec<RequestId> {
        self.lock().keys().cloned().collect()
    }

    /// Tells those who wait for these sales.
    pub(super) fn decided(&self, ids: &[RequestId]) {
        if !ids.is_empty() {
            let mut waiting = self.lock();
            ids.iter().for_each(|id| drop(waiting.remove(id)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RequestId, watch::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Decision {
    /// Returns once the sale is decided.
    pub(super) async fn made(&mut self) {
        // Nothing is sent: that the sender is dropped says it.
        let _ = self.0.changed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn those_who_wait_for_a_sale_hear_of_its_decision_even_before_they_look() {
        let sales = OpenSales::default();
        let id = |id: &str| RequestId::parse(id).unwrap();
        let [mut one, mut same, mut other] = ["a", "a", "b"].map(|name| sales.follow(&id(name)));
        assert_eq!(sales.ids(), [id("a"), id("b")]);

        sales.decided(&[id("a"), id("c")]);

        one.made().await;
        same.made().await;
        let waits = tokio::time::timeout(Duration::from_millis(20), other.made()).await;
        assert!(waits.is_err(), "another sale");
        drop(other);
        drop(sales.follow(&id("d")));
        assert_eq!(sales.ids(), [id("d")], "what nobody waits for is forgotten");
    }
}
