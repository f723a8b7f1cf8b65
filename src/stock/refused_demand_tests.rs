use super::*;

const DAY: u32 = 20_500;

#[test]
fn lines_add_up_by_day_and_sku_and_only_changes_are_written() {
    let mut counter = DemandCounter::default();
    assert_eq!(counter.count(&[line("A", 2), line("B", 1), line("A", 3)], at(DAY)), 0);
    let first = counter.unsaved();
    assert_eq!(first.rows, [row(DAY, "A", 2, 5), row(DAY, "B", 1, 1)]);
    counter.count(&[line("B", 4)], at(DAY));
    counter.saved(&first);
    assert_eq!(counter.unsaved().rows, [row(DAY, "B", 2, 5)]);

    counter.count(&[line("B", 4)], at(DAY + 1));
    let rest = counter.unsaved();
    assert_eq!(rest.rows, [row(DAY, "B", 2, 5), row(DAY + 1, "B", 1, 4)]);
    counter.saved(&rest);
    assert!(counter.unsaved().is_empty());
}

#[test]
fn a_loaded_counter_goes_on_and_reports_everything_once_more() {
    let mut counter = DemandCounter::load(vec![row(DAY, "A", 2, 5)]);
    assert!(counter.unsaved().is_empty());
    assert_eq!(changed(&counter, 0), [row(DAY, "A", 2, 5)]);
    counter.count(&[line("A", 1)], at(DAY));
    assert_eq!(changed(&counter, 1), [row(DAY, "A", 3, 6)]);
    assert_eq!(counter.unsaved().rows, [row(DAY, "A", 3, 6)]);
}

#[test]
fn a_day_is_kept_until_it_is_sent_and_three_days_old() {
    let mut counter = DemandCounter::default();
    counter.count(&[line("A", 1)], at(DAY));
    counter.forget_old(at(DAY + DEMAND_DAYS_KEPT + 1));
    assert_eq!(changed(&counter, 0).len(), 1, "it was not sent");

    counter.set_sent(counter.changes());
    counter.forget_old(at(DAY + DEMAND_DAYS_KEPT));
    assert_eq!(changed(&counter, 0).len(), 1);
    counter.forget_old(at(DAY + DEMAND_DAYS_KEPT + 1));
    assert_eq!(changed(&counter, 0), []);
    let unsaved = counter.unsaved();
    assert_eq!((unsaved.rows.len(), &unsaved.forgotten), (0, &[DAY].into()));
    counter.saved(&unsaved);
    assert!(counter.unsaved().is_empty());

    counter.count(&[line("A", 1)], at(DAY));
    counter.forget_old(at(DAY + DEMAND_DAYS_UNSENT_MAX + 1));
    assert_eq!(changed(&counter, 0), [], "it is too old");
}

#[test]
fn what_was_refused_before_the_clock_was_set_is_of_the_day_when_it_is() {
    let mut counter = DemandCounter::default();
    let unset = Now { trusted: false, ..at(3) };
    counter.count(&[line("A", 1)], unset);
    counter.forget_old(unset);
    assert_eq!(changed(&counter, 0), []);
    counter.count(&[line("A", 1)], at(DAY));
    counter.forget_old(at(DAY));
    assert_eq!(changed(&counter, 0), [row(DAY, "A", 2, 2)]);
    assert_eq!(counter.unsaved().forgotten, [UNDATED].into());
}

#[test]
fn the_number_of_rows_is_bounded() {
    let mut counter = DemandCounter::default();
    for n in 0..DEMAND_ROWS_MAX {
        assert_eq!(counter.count(&[line(&n.to_string(), 1)], at(DAY)), 0);
    }
    assert_eq!(counter.count(&[line("one-more", 1), line("0", 1)], at(DAY)), 1);
    assert_eq!(changed(&counter, 0).len(), DEMAND_ROWS_MAX);
}

#[test]
fn what_was_refused_keeps_its_meaning_when_its_sku_gets_other_decimals() {
    let mut counter = DemandCounter::default();
    counter.count(&[line("A", 2), line("B", 7)], at(DAY));
    counter.count(&[line("A", 1)], at(DAY + 1));
    let mut catalogue = Catalogue::default();
    // Each listing, what is told then of the first day, and of the next.
    for (decimals, units) in [(3, [2_000, 1_000]), (3, [2_000, 1_000]), (1, [20, 10]), (0, [2, 1])]
    {
        let listings = [listed("A", decimals), listed("C", 2)];
        let before = counter.changes();
        let relisted = counter.relisted(&catalogue, &listings);
        assert_eq!(counter.changes(), before, "nothing is written yet");
        let [first, next] = units;
        assert_eq!(relisted, [row(DAY, "A", 1, first), row(DAY + 1, "A", 1, next)]);
        counter.replace(&relisted);
        catalogue.apply(&listings);
        assert_eq!(changed(&counter, before), relisted, "also if its decimals stay");
    }
    assert_eq!(counter.unsaved().rows.len(), 3);
}

#[test]
fn what_fewer_decimals_cannot_say_is_rounded_up_and_no_sum_exceeds_the_bound() {
    let mut counter = DemandCounter::default();
    counter.count(&[line("A", 1)], at(DAY));
    let mut catalogue = Catalogue::default();
    catalogue.apply(&[listed("A", 6)]);
    let relisted = counter.relisted(&catalogue, &[listed("A", 6), listed("A", 0)]);
    assert_eq!(relisted, [row(DAY, "A", 1, 1)], "the newest listing counts");
    counter.replace(&[row(DAY, "A", 1, UNITS_MAX)]);
    assert_eq!(
        counter.relisted(&Catalogue::default(), &[listed("A", 6)]),
        [row(DAY, "A", 1, UNITS_MAX)]
    );
}

#[test]
fn a_listing_that_was_lost_changes_no_count() {
    let mut counter = DemandCounter::default();
    counter.count(&[line("A", 5)], at(DAY));
    let damaged = Catalogue::default().with_gaps();
    assert_eq!(counter.relisted(&damaged, &[listed("A", 3)]), [row(DAY, "A", 1, 5)]);
}

fn listed(sku: &str, decimals: u8) -> Listing {
    let decimals = Decimals::try_from(decimals).unwrap();
    let sku = Sku::parse(sku).unwrap();
    Listing { name: Some("Apples".into()), decimals, ..Listing::removed(sku) }
}

fn changed(counter: &DemandCounter, after: u64) -> Vec<RefusedRow> {
    counter.changed_after(after).into_iter().map(|(_, row)| row).collect()
}

fn at(day: u32) -> Now {
    Now { wall_ms: i64::from(day) * Day::MS + 5, running_ms: 0, trusted: true }
}

fn line(sku: &str, units: u64) -> (Sku, Quantity) {
    (Sku::parse(sku).unwrap(), Quantity::of_line(units).unwrap())
}

fn row(day: u32, sku: &str, lines: u64, units: u64) -> RefusedRow {
    RefusedRow { day, sku: Sku::parse(sku).unwrap(), counts: RefusedCounts { lines, units } }
}
