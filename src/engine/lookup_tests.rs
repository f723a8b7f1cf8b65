//! Lookups of requests beside commands. The test counts what is done, not time.

use futures_util::FutureExt as _;

use super::*;
use crate::engine::sync_status::LinkState;
use crate::limits::BATCH_COMMANDS_MAX;
use crate::stock::RequestId;

#[test]
fn a_batch_ends_however_many_lookups_wait() {
    let directory = tempfile::tempdir().unwrap();
    let (store, opened) = Store::open(directory.path(), "site", "gateway").unwrap();
    let saved = opened.progress;
    let state = Arc::new(CommittedState::new(opened, None, LinkState::Disabled));
    let rules = WriterRules { reservation_ttl_s: 900, retention_ms: u64::MAX };
    let (mut writer, intake) = Writer::new(store, state, Arc::default(), rules, saved);
    let ask = |_| Box::pin(intake.find_request(RequestId::parse("r").unwrap()));
    let mut asked: Vec<_> = (0..2 * BATCH_COMMANDS_MAX).map(ask).collect();
    assert!(asked.iter_mut().all(|asked| asked.now_or_never().is_none()), "they wait");

    let first = writer.jobs.try_recv().unwrap();
    assert!(writer.run_batch(first));

    let answered = asked.iter_mut().filter_map(|asked| asked.now_or_never()).count();
    assert_eq!(answered, BATCH_COMMANDS_MAX);
    assert_eq!(intake.depth().requests, BATCH_COMMANDS_MAX as u64, "the others keep their places");
}
