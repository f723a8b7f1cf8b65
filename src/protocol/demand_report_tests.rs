use super::*;
use crate::limits::FRAME_BYTES_SMALL;
use crate::protocol::wire::Wire;
use crate::stock::{RefusedCounts, Sku};

const DAY: u32 = 20_500;

#[test]
fn changes_are_reported_once_a_minute_and_everything_when_online_again() {
    let mut link = Link::with(&[(DAY, "A")]);
    assert_eq!(link.poll(false, 0), None);
    assert_eq!(link.poll(true, 1), Some((DAY, vec!["A".into()])));
    link.refuse(DAY, "B");
    assert_eq!(link.poll(true, DEMAND_REPORT_MS), None);
    assert_eq!(link.report.deadline_ms(&link.counter), Some(DEMAND_REPORT_MS + 1));
    assert_eq!(link.poll(true, DEMAND_REPORT_MS + 1), Some((DAY, vec!["B".into()])));
    assert_eq!(link.report.deadline_ms(&link.counter), None);

    link.poll(false, 200_000);
    assert_eq!(link.poll(true, 200_001), None, "all was reported a few minutes ago");
    let again = link.report.deadline_ms(&link.counter).unwrap();
    assert_eq!(again, DEMAND_REPEAT_MS + 1);
    assert_eq!(link.poll(true, again), Some((DAY, vec!["A".into(), "B".into()])));
}

#[test]
fn nothing_is_reported_or_waited_for_without_refusals() {
    let mut link = Link::with(&[]);
    assert_eq!(link.poll(true, 0), None);
    assert_eq!(link.report.deadline_ms(&link.counter), None);
}

#[test]
fn a_long_report_is_several_frames_each_of_one_day_and_within_the_limit() {
    let names: Vec<String> = (0..300).map(|n| format!("{n:064}")).collect();
    let mut refused = vec![(DAY, "A")];
    refused.extend(names.iter().map(|name| (DAY + 1, name.as_str())));
    let mut link = Link::with(&refused);
    let (mut skus, mut now_ms, mut days) = (0, 0, Vec::new());
    while let Some((day, some)) = link.poll(true, now_ms) {
        skus += some.len();
        days.push(day);
        now_ms += DEMAND_FRAME_MS;
    }
    assert_eq!((skus, days[0], days[1]), (301, DAY, DAY + 1));
}

struct Link {
    report: DemandReport,
    counter: DemandCounter,
}

impl Link {
    fn with(refused: &[(u32, &str)]) -> Self {
        let counter =
            DemandCounter::load(refused.iter().map(|(day, sku)| row(*day, sku)).collect());
        Self { report: DemandReport::default(), counter }
    }

    fn refuse(&mut self, day: u32, sku: &str) {
        let RefusedRow { sku, .. } = row(day, sku);
        let wall_ms = i64::from(day) * 86_400_000;
        let now = crate::clock::Now { wall_ms, running_ms: 0, trusted: true };
        self.counter.count(&[(sku, crate::stock::Quantity::of_line(1).unwrap())], now);
    }

    /// The day and the SKUs of the next frame.
    fn poll(&mut self, is_online: bool, now_ms: u64) -> Option<(u32, Vec<String>)> {
        let frame = (Uuid::from_u128(7), FRAME_BYTES_SMALL);
        let sent = self.report.poll(is_online, &mut self.counter, frame, now_ms)?;
        let bytes = sent.encode(Wire::UP);
        assert!(bytes.len() <= FRAME_BYTES_SMALL, "{}", bytes.len());
        let Ok((Frame::Demand(demand), _)) = Frame::decode_with_wire(&bytes) else {
            panic!("{sent:?}")
        };
        let skus = demand.refused.iter().map(|refused| refused.sku.to_string());
        Some((demand.day, skus.collect()))
    }
}

fn row(day: u32, sku: &str) -> RefusedRow {
    let most = crate::limits::STOCK_MAX.unsigned_abs();
    let counts = RefusedCounts { lines: 1, units: most };
    RefusedRow { day, sku: Sku::parse(sku).unwrap(), counts }
}
