use tempfile::TempDir;

use uuid::Uuid;

use super::*;
use crate::config::BookStore;
use crate::hub::core::tests::test_hub::{named, sku};
use crate::hub::core::tests::test_ledger::Ledger;
use crate::hub::core::{Books, FrameAnswer, Policy, publish};
use crate::hub::jobs::{ApplyChange, BooksChange, RequestSender};
use crate::limits::{HUB_REQUESTS_WAITING_MAX, LINES_MAX, OUTGOING_BULK_MAX};
use crate::protocol::Frame;
use crate::protocol::frame::{Behind, BooksId, Position, ProbeAnswer};
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;
use crate::stock::{Listing, Sku};

/// Of every greeting in these tests.
const NONCE: u64 = 5;

#[test]
fn a_greeting_and_entries_in_one_batch_are_answered_together_under_the_nonce_of_the_greeting() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::at("a", 1);
    let (hello, entries) = (gateway.hello(), gateway.post(&[("restock", 10), ("deduct", -1)]));

    let answers = hub.write(vec![frame("a", &hello), frame("a", &entries)]);

    assert_eq!(
        answers,
        [(named("a"), FrameAnswer::Resume { epoch: gateway.epoch, acked_seq: 2, nonce: NONCE })]
    );
    assert_eq!(
        hub.write(vec![frame("a", &entries)]),
        [(named("a"), FrameAnswer::Ack { epoch: gateway.epoch, acked_seq: 2 })]
    );
}

#[test]
fn a_greeting_and_entries_after_a_gap_in_one_batch_are_answered_under_the_nonce_of_the_greeting() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::at("a", 1);
    let hello = gateway.hello();
    gateway.post(&[("restock", 10)]);
    let later = gateway.post(&[("deduct", -1)]);

    let answers = hub.write(vec![frame("a", &hello), frame("a", &later)]);

    assert_eq!(
        answers,
        [(named("a"), FrameAnswer::Resume { epoch: gateway.epoch, acked_seq: 0, nonce: NONCE })]
    );
}

#[test]
fn a_greeting_and_an_announcement_in_one_batch_are_answered_under_the_nonce_of_the_greeting() {
    let mut hub = TestHub::new();
    let gateway = Ledger::at("a", 1);

    let answers = hub.write(vec![frame("a", &gateway.hello()), HubJob::Lost, HubJob::Announce]);

    assert_eq!(
        answers,
        [(named("a"), FrameAnswer::Resume { epoch: gateway.epoch, acked_seq: 0, nonce: NONCE })]
    );
}

#[test]
fn an_announcement_names_the_position_to_every_gateway_that_is_not_fenced() {
    let mut hub = TestHub::new();
    let [mut a, mut b, mut c] = [("a", 1), ("b", 2), ("c", 3)].map(|(name, n)| Ledger::at(name, n));
    for (name, ledger, entries) in [("a", &mut a, 1), ("b", &mut b, 2), ("c", &mut c, 2)] {
        let hello = ledger.hello();
        let entries = ledger.post(&[("restock", 1)].repeat(entries));
        hub.write(vec![frame(name, &hello), frame(name, &entries)]);
    }
    let position = Position { epoch: c.epoch.into(), acked_seq: 2 };
    hub.write(vec![frame("c", &Frame::Behind(Behind { position, ledger_seq: 1 }))]);

    let answers = hub.write(vec![HubJob::Announce]);

    let a = FrameAnswer::Resume { epoch: a.epoch, acked_seq: 1, nonce: 0 };
    let b = FrameAnswer::Resume { epoch: b.epoch, acked_seq: 2, nonce: 0 };
    assert_eq!(answers, [(named("a"), a), (named("b"), b)]);
}

#[test]
fn a_gateway_without_books_is_asked_to_greet_when_it_comes_online() {
    let mut hub = TestHub::new();
    let epoch = Uuid::from_u128(1);
    let state =
        |online| HubJob::Online { gateway: named("a"), online, epoch: Some(epoch), fresh: true };

    assert_eq!(hub.write(vec![state(false)]), []);
    assert_eq!(
        hub.write(vec![state(true)]),
        [(named("a"), FrameAnswer::Resume { epoch, acked_seq: 0, nonce: 0 })]
    );
    let outcome = hub.writer.write(&mut [state(true)], &[]).unwrap();
    assert_eq!(outcome.answers[&named("a")].0, Version::V2, "the frame names the books");
    assert_ne!(outcome.books, BooksId::default());
    hub.write(vec![frame("a", &Ledger::at("a", 1).hello())]);
    assert_eq!(hub.write(vec![state(true)]), [], "it has books now");
}

#[test]
fn a_catalogue_reaches_more_gateways_than_there_is_room_for_frames_each_in_its_turn() {
    let mut hub = TestHub::new();
    let count = OUTGOING_BULK_MAX + 44;
    let names: Vec<String> = (0..count).map(|n| format!("g{n:04}")).collect();
    let ledgers = names.iter().zip(1..).map(|(name, epoch)| Ledger::at(name, epoch));
    hub.write(
        ledgers
            .map(|ledger| HubJob::Frame(ledger.gateway.clone(), ledger.hello().into(), Version::V2))
            .collect(),
    );
    let listing = Listing { name: Some("GOODS".into()), ..Listing::removed(sku()) };
    let all: Vec<GatewayId> = names.iter().map(|name| named(name)).collect();
    let apply: ApplyChange = Box::new(move |books, due| {
        publish(books, vec![listing.clone()])?;
        due.extend(all.clone());
        Ok(Box::new(|| {}))
    });
    let publish = HubJob::Change(BooksChange { locks: Locks::default(), apply });

    let first = hub.writer.write(&mut [publish], &[]).unwrap();
    assert!(first.lacks_room);
    let second = hub.writer.write(&mut [HubJob::Tick], &[]).unwrap();
    let sent = first.frames.iter().chain(&second.frames).map(|(gateway, ..)| &gateway.gateway);
    assert_eq!(sent.collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
}

#[test]
fn a_frame_that_the_database_refuses_fails_alone() {
    let mut hub = TestHub::new();
    let [mut a, mut b, mut c] = [("a", 1), ("b", 2), ("c", 3)].map(|(name, n)| Ledger::at(name, n));
    hub.write([("a", &a), ("b", &b), ("c", &c)].map(|(n, of)| frame(n, &of.hello())).into());
    hub.database(
        "CREATE TRIGGER poison BEFORE INSERT ON entry WHEN new.change = 13
         BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
    );
    let mut frames = [
        frame("a", &a.post(&[("restock", 1)])),
        frame("b", &b.post(&[("restock", 13)])),
        frame("c", &c.post(&[("restock", 3)])),
    ];

    assert!(hub.writer.handle(&mut frames));

    assert_eq!(hub.acked(), [("a", 1), ("b", 0), ("c", 1)].map(|(n, seq)| (named(n), seq)));
    let metrics = &hub.writer.metrics;
    let counts = (metrics.frames_bad.get(), metrics.frames_applied.get());
    assert_eq!((counts, metrics.commits_failed.get()), ((1, 2), 0));
}

#[test]
fn a_gateway_whose_frames_cannot_be_stored_waits_alone_and_its_reason_is_said() {
    let mut hub = TestHub::new();
    let [mut a, mut b] = [("a", 1), ("b", 2)].map(|(name, n)| Ledger::at(name, n));
    hub.write([("a", &a), ("b", &b)].map(|(n, of)| frame(n, &of.hello())).into());
    hub.database(
        "CREATE TRIGGER poison BEFORE INSERT ON entry WHEN new.change = 13
         BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
    );
    let poison = frame("b", &b.post(&[("restock", 13)]));
    assert!(hub.writer.handle(&mut [frame("a", &a.post(&[("restock", 1)])), poison]));
    assert!(hub.problem_of("b").is_some_and(|why| why.contains("poisoned")));

    let commits = hub.commits();
    for _ in 0..100 {
        assert!(!hub.writer.admits(&frame("b", &b.frame(0))), "it costs the writer nothing");
    }
    assert_eq!(hub.commits(), commits);
    assert!(hub.writer.admits(&frame("b", &b.hello())), "it is heard");
    assert!(hub.writer.admits(&frame("a", &a.frame(0))), "and so are the others");

    hub.database("DROP TRIGGER poison");
    hub.writer.quotas = Quotas::default();
    assert!(hub.writer.admits(&frame("b", &b.frame(0))));
    assert!(hub.writer.handle(&mut [frame("b", &b.frame(0))]));
    assert_eq!(hub.acked(), [("a", 1), ("b", 1)].map(|(n, seq)| (named(n), seq)));
    assert_eq!(hub.problem_of("b"), None);
}

#[test]
fn a_gateway_shows_a_bounded_number_of_new_databases_within_a_time() {
    let mut hub = TestHub::new();
    let mut greetings: Vec<HubJob> =
        (1..=30).map(|epoch| frame("a", &Ledger::at("a", epoch).hello())).collect();
    assert!(hub.writer.handle(&mut greetings[..15]));
    assert!(hub.writer.handle(&mut greetings[15..]));
    assert_eq!(hub.count_books(), 9, "the first one, and eight");
    assert!(hub.problem_of("a").is_some_and(|why| why.contains("new databases")));
    assert!(hub.writer.metrics.page(true, 0).contains("hub_limited_total{quota=\"databases\"} 21"));
    assert!(hub.writer.handle(&mut [frame("b", &Ledger::at("b", 99).hello())]));
    assert_eq!(hub.count_books(), 10, "others open theirs");
}

#[test]
fn a_gateway_that_sends_frames_that_lead_to_nothing_slows_itself_down() {
    let mut hub = TestHub::new();
    let [a, b] = [("a", 1), ("b", 2)].map(|(name, n)| Ledger::at(name, n));
    hub.writer.handle(&mut [frame("a", &a.hello()), frame("b", &b.hello())]);
    let mut handled = 0;
    while hub.writer.admits(&frame("a", &a.taken_report())) {
        hub.writer.handle(&mut [frame("a", &a.taken_report())]);
        handled += 1;
        assert!(handled < 100_000, "it is never slowed down");
    }
    assert!(handled > 900, "{handled}: enough for all that an honest one says");
    assert!(hub.writer.admits(&frame("b", &b.taken_report())));
    hub.writer.quotas = Quotas::default();
    assert!(hub.writer.admits(&frame("a", &a.taken_report())), "after a while it is heard again");
}

#[test]
fn answers_about_drift_cost_no_more_than_a_gateways_share() {
    let mut hub = TestHub::new();
    let mut a = Ledger::at("a", 1);
    let (hello, entries) = (a.hello(), a.post(&[("restock", 10)]));
    hub.write(vec![frame("a", &hello), frame("a", &entries)]);
    a.checks.digest = a.checks.digest.moved(&sku(), (10, 0), (11, 0));
    let probed = hub.writer.write(&mut [frame("a", &a.hello())], &[]).unwrap();
    let Some((_, _, Frame::Probe(probe))) = probed.frames.last() else { panic!("a probe") };
    let figures = [(sku(), (10, 0))];
    let content = probe.part.content(figures.iter().map(|(sku, figures)| (sku, *figures)));
    let crate::protocol::drift::Content::Figures(content) = content else { panic!("{content:?}") };
    let epoch = a.epoch.into();
    let answer = frame("a", &Frame::Figures(ProbeAnswer { epoch, seq: 1, content }));
    let mut answers = [answer];

    let now_ms = hub.writer.clock.since_start_ms();
    hub.writer.quotas.charge(&named("a"), Quota::Compared, 1_010_000, now_ms);
    let limited = hub.writer.write(&mut answers, &[]).unwrap().handled;
    assert_eq!((limited[0].1.limited, limited[0].1.compared), (Some(Quota::Compared), 0));
    hub.writer.quotas = Quotas::default();
    let compared = hub.writer.write(&mut answers, &[]).unwrap().handled;
    assert_eq!((compared[0].1.limited, compared[0].1.compared), (None, 1));
}

#[test]
fn a_change_that_is_repeated_answers_once() {
    let mut hub = TestHub::new();
    hub.database(
        "CREATE TRIGGER poison BEFORE INSERT ON policy WHEN new.target = 13
         BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
    );
    let answered = Arc::new(std::sync::Mutex::new(Vec::new()));
    let change = |target: i64| {
        let answered = Arc::clone(&answered);
        let apply: ApplyChange = Box::new(move |books, _| {
            let sku = Sku::parse(&format!("S{target}")).unwrap();
            books.save_policy(&sku, None, Some(Policy::new(1, target)))?;
            let answered = Arc::clone(&answered);
            Ok(Box::new(move || answered.lock().unwrap().push(target)))
        });
        HubJob::Change(BooksChange { locks: Locks::default(), apply })
    };

    assert!(hub.writer.handle(&mut [change(2), change(13), change(3)]));

    assert_eq!(*answered.lock().unwrap(), [2, 3]);
}

#[test]
fn a_request_is_handled_before_the_frames_that_wait() {
    let TestHub { writer, _directory } = TestHub::new();
    let (jobs, waiting) = mpsc::channel(HUB_BATCH_FRAMES_MAX);
    let (requests, asked) = RequestSender::new(1, jobs.clone());
    let mut gateway = Ledger::at("a", 1);
    jobs.try_send(frame("a", &gateway.hello())).ok().unwrap();
    while jobs.try_send(frame("a", &gateway.post(&[("restock", 1)]))).is_ok() {}
    let (sender, seen) = std::sync::mpsc::channel();
    let apply: ApplyChange = Box::new(move |books, _| {
        let (sender, frames) = (sender.clone(), books.open_books()?.len());
        Ok(Box::new(move || sender.send(frames).unwrap()))
    });
    let request = HubJob::Change(BooksChange { locks: Locks::default(), apply });

    assert!(requests.try_send(request), "there is room for it whatever frames wait");
    drop((jobs, requests));
    HubWriter { jobs: waiting, ..writer.serving(asked) }.run();

    assert_eq!(seen.recv(), Ok(0), "no frame was booked before it");
}

#[test]
fn requests_share_a_transaction_until_it_has_many_skus() {
    let TestHub { writer, _directory } = TestHub::new();
    let (requests, asked) = RequestSender::new(HUB_REQUESTS_WAITING_MAX, mpsc::channel(1).0);
    let mut writer = writer.serving(asked);
    let change = |skus: usize| {
        let skus = (0..skus).map(|number| Sku::parse(&format!("S{number}")).unwrap()).collect();
        let apply: ApplyChange = Box::new(|_, _| Ok(Box::new(|| ())));
        HubJob::Change(BooksChange { locks: Locks { skus, ..Locks::default() }, apply })
    };

    (0..600).for_each(|_| assert!(requests.try_send(change(1))));
    let taken = [writer.waiting_requests().len(), writer.waiting_requests().len()];
    assert_eq!(taken, [HUB_BATCH_REQUESTS_MAX, 600 - HUB_BATCH_REQUESTS_MAX]);

    (0..40).for_each(|_| assert!(requests.try_send(change(LINES_MAX))));
    let taken = [writer.waiting_requests().len(), writer.waiting_requests().len()];
    assert_eq!(taken, [HUB_BATCH_SKUS_MAX / LINES_MAX; 2]);
}

#[test]
fn a_request_that_comes_during_a_batch_waits_for_no_other_job() {
    let TestHub { writer, _directory } = TestHub::new();
    let (jobs, waiting) = mpsc::channel(HUB_BATCH_FRAMES_MAX);
    let (requests, asked) = RequestSender::new(2, jobs.clone());
    let (sender, done) = std::sync::mpsc::channel();
    let change = |apply| HubJob::Change(BooksChange { locks: Locks::default(), apply });
    let second: ApplyChange = Box::new(move |_, _| {
        let sender = sender.clone();
        Ok(Box::new(move || sender.send(()).unwrap()))
    });
    let (during, mut second) = (requests.clone(), Some(change(second)));
    let first: ApplyChange = Box::new(move |_, _| {
        second.take().into_iter().for_each(|second| assert!(during.try_send(second)));
        Ok(Box::new(|| ()))
    });
    assert!(requests.try_send(change(first)));
    let writer = HubWriter { jobs: waiting, ..writer.serving(asked) };
    let writer = std::thread::spawn(move || writer.run());
    assert!(done.recv_timeout(Duration::from_secs(10)).is_ok(), "it has been decided");
    drop((jobs, requests));
    writer.join().unwrap();
}

#[test]
fn a_request_is_handled_while_many_frames_wait_for_what_other_workers_have() {
    let mut hub = TestHub::new();
    hub.writer.shared = true;
    let mut gateway = Ledger::at("a", 1);
    hub.write(vec![frame("a", &gateway.hello())]);
    // The first of them is at another worker.
    gateway.post(&[("restock", 9_999)]);
    let mut early: Vec<HubJob> =
        (0..1_024).map(|_| frame("a", &gateway.post(&[("deduct", -1)]))).collect();
    assert!(hub.writer.handle(&mut early));
    let (requests, asked) = RequestSender::new(1, mpsc::channel(1).0);
    let mut writer = hub.writer.serving(asked);
    let (sender, seen) = std::sync::mpsc::channel();
    let apply: ApplyChange = Box::new(move |_, _| {
        let sender = sender.clone();
        Ok(Box::new(move || sender.send(instant()).unwrap()))
    });
    assert!(requests.try_send(HubJob::Change(BooksChange { locks: Locks::default(), apply })));

    let began = instant();
    writer.wait_for_others();

    assert!(began.elapsed() > Duration::from_secs(1), "they have waited");
    assert!(seen.recv().unwrap() - began < Duration::from_secs(1), "and the request has not");
}

#[test]
fn without_a_connection_no_gateway_of_books_in_sqlite_is_online() {
    let mut hub = TestHub::new();
    hub.write(vec![frame("a", &Ledger::at("a", 1).hello())]);
    assert!(hub.is_online());
    hub.write(vec![HubJob::Lost]);
    assert!(!hub.is_online(), "nobody hears it");
}

struct TestHub {
    writer: HubWriter,
    _directory: TempDir,
}

impl TestHub {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database =
            BooksDatabase::open(&BookStore::Sqlite(directory.path().join("hub.db"))).unwrap();
        let (_, jobs) = mpsc::channel(1);
        let writer =
            HubWriter::new(database, jobs, Publisher::to("", Arc::default()), Arc::default());
        Self { writer, _directory: directory }
    }

    fn database(&mut self, sql: &str) {
        self.writer.database.read(|db| db.execute(sql, &[])).unwrap();
    }

    /// Whether every gateway is online in the books.
    fn is_online(&mut self) -> bool {
        let books = self.writer.database.change(|books| books.open_books()).unwrap();
        books.iter().all(|book| book.online)
    }

    /// The line of the metrics that counts them.
    fn commits(&self) -> String {
        let page = self.writer.metrics.page(true, 0);
        let is_it = |line: &&str| line.contains("commit_duration_seconds_count");
        page.lines().find(is_it).unwrap().into()
    }

    fn problem_of(&mut self, gateway: &str) -> Option<String> {
        let books = self.writer.database.change(|books| books.books(&named(gateway))).unwrap();
        books.last().and_then(|book| book.problem.clone())
    }

    fn count_books(&mut self) -> usize {
        self.writer.database.change(|books| books.book_count()).unwrap()
    }

    /// How far the gateways are in the books.
    fn acked(&mut self) -> Vec<(GatewayId, u64)> {
        let books = self.writer.database.change(|books| books.open_books()).unwrap();
        let mut acked: Vec<_> =
            books.into_iter().map(|book| (book.gateway, book.cursor.acked_seq)).collect();
        acked.sort();
        acked
    }

    /// Commits a batch to the books; returns the answer to each gateway.
    fn write(&mut self, mut batch: Vec<HubJob>) -> Vec<(GatewayId, FrameAnswer)> {
        let answers = self.writer.write(&mut batch, &[]).unwrap().answers.into_iter();
        answers.map(|(gateway, (_, answer))| (gateway, answer)).collect()
    }
}

fn frame(gateway: &str, frame: &Frame) -> HubJob {
    HubJob::Frame(named(gateway), frame.clone().into(), Version::V2)
}
