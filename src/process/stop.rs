//! The request to stop, seen by every task.

use tokio::sync::watch;

/// Makes a stop request and the handle that everyone waits on.
pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

/// Requests the stop: when this is dropped or [`Stopper::stop`] is called, every [`Stop`] returns.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Waits for the request to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Returns once a stop was asked for.
    pub async fn requested(&mut self) {
        // An error means that the stopper is gone, which is a request to stop as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Whether a stop was asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}
