use super::*;
use crate::stock::Digest;

#[test]
fn a_loaded_stock_has_the_checks_positions_and_deadlines_of_what_was_saved() {
    let taken = Taken { transfer: 3, at_seq: 5, catalogue: 2 };
    let items: Items = [item("A", 5, 2, 4), item("B", 7, 0, 3)].into_iter().collect();
    let holds = [hold("r1", 900, &[("A", 1)]), hold("r2", 800, &[("A", 1)])];
    let stock = Stock::load(items, holds, 9, Chain::Xxh3(77), taken);

    let digest = Digest::default();
    let digest = digest.moved(&sku("A"), (0, 0), (5, 2)).moved(&sku("B"), (0, 0), (7, 0));
    assert_eq!(stock.checks(), Checks { digest, chain: Chain::Xxh3(77) });
    assert_eq!((stock.seq(), stock.taken()), (9, taken));
    assert_eq!((stock.hold_count(), stock.next_deadline_ms()), (2, Some(800)));
    assert!(stock.skus_with_wrong_holds().is_empty());
}

#[test]
fn reserved_units_without_their_reservation_and_the_reverse_are_found() {
    for (reserved, held, wrong) in [
        (2, &[("A", 2)][..], None),
        (2, &[("A", 1)], Some("A")),
        (2, &[], Some("A")),
        (0, &[("A", 1)], Some("A")),
        (2, &[("A", 2), ("unknown", 1)], Some("unknown")),
    ] {
        let items = [item("A", 5, reserved, 1), item("B", 1, 0, 2)].into_iter().collect();
        let holds = [hold("r", 1, held)];
        let stock = Stock::load(items, holds, 2, Chain::default(), Taken::default());
        let found = stock.skus_with_wrong_holds();
        assert_eq!(found.first().map(|sku| sku.as_str()), wrong, "{reserved} {held:?}");
    }
}

#[test]
fn a_sku_that_the_catalogue_names_is_unmoved_until_its_first_change() {
    let stock = |items: Vec<(Sku, Item)>| {
        let items = items.into_iter().collect();
        Stock::load(items, [], 1, Chain::default(), Taken::default())
    };
    assert!(!stock(vec![]).has_unmoved());
    assert!(!stock(vec![item("A", 1, 0, 1)]).has_unmoved());
    assert!(stock(vec![item("A", 1, 0, 1), item("B", 0, 0, 0)]).has_unmoved());
}

#[test]
fn a_stock_lists_its_skus_by_name_and_those_that_changed_by_position() {
    let items = [item("A", 5, 0, 4), item("B", 7, 0, 3), item("C", 0, 0, 0), item("D", 1, 0, 1)];
    let items = items.into_iter().collect();
    let stock = Stock::load(items, [], 4, Chain::default(), Taken::default());
    let names = |skus: &[(&Sku, &Item)]| skus.iter().map(|(sku, _)| sku.to_string()).collect();
    let by_name: Vec<String> = names(&stock.items_after("", Some("A")).collect::<Vec<_>>());
    assert_eq!(by_name, ["B", "C", "D"]);
    let changed: Vec<String> = names(&stock.changed_after(1).collect::<Vec<_>>());
    assert_eq!(changed, ["B", "A"]);
    assert_eq!((stock.sku_count(), stock.items().count()), (4, 4));
}

fn item(name: &str, on_hand: i64, reserved: i64, version: Seq) -> (Sku, Item) {
    (sku(name), Item { on_hand, reserved, version })
}

fn hold(id: &str, deadline_ms: u64, lines: &[(&str, u64)]) -> (RequestId, Hold) {
    let line =
        |(name, units): &(&str, u64)| Line::new(sku(name), Quantity::of_line(*units).unwrap());
    let lines = lines.iter().map(line).collect();
    (RequestId::parse(id).unwrap(), Hold { order_id: None, lines, deadline_ms, actor: None })
}

fn sku(name: &str) -> Sku {
    Sku::parse(name).unwrap()
}
