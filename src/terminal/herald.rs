//! Makes the `sync` event once for all terminals: at once when the state of the link changes,
//! and at most once a second while a backlog grows or drains.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::json::json;
use crate::stop::Stop;
use crate::view::View;

const EVERY: Duration = Duration::from_secs(1);

pub(super) fn start(
    view: Arc<View>,
    mut stop: Stop,
) -> (watch::Receiver<Utf8Bytes>, impl Future<Output = ()>) {
    let (sender, receiver) = watch::channel(event(&view));
    let herald = async move {
        let mut link = view.link();
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = stop.requested() => return,
                changed = link.changed() => if changed.is_err() { return },
                _ = tick.tick() => {}
            }
            let newest = event(&view);
            sender.send_if_modified(|known| {
                let changed = *known != newest;
                *known = newest;
                changed
            });
        }
    };
    (receiver, herald)
}

fn event(view: &View) -> Utf8Bytes {
    format!(r#"{{"event":"sync","sync":{}}}"#, json(&view.sync_status())).into()
}
