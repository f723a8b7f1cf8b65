use super::*;
use crate::limits::CONNECTIONS_MAX;

const SHARES: Shares = Shares { total: 10, of_network: 8, unknown: 6, unknown_of_network: 4 };

fn enter(open: &OpenConnections, last: u8) -> Entry {
    match open.enter([192, 0, 2, last].into()) {
        Entered::Free(entry) | Entered::InPlaceOf(entry) => entry,
        Entered::Full(share) => panic!("{share} are taken"),
    }
}

fn full(open: &OpenConnections, last: u8) -> String {
    match open.enter([192, 0, 2, last].into()) {
        Entered::Full(share) => share,
        Entered::Free(_) | Entered::InPlaceOf(_) => panic!("there is room"),
    }
}

fn gave_way(entry: &Entry) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let notified = entry.gives_way.notified();
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_millis(1), notified).await.is_ok() })
}

#[test]
fn the_oldest_unknown_connection_of_the_same_address_gives_way() {
    let open = OpenConnections::new(SHARES);
    let (other, known) = (enter(&open, 2), enter(&open, 1));
    open.set_known(&known);
    let mut silent: Vec<_> = (0..4).map(|_| enter(&open, 1)).collect();
    for _ in 0..3 {
        silent.push(enter(&open, 1));
        let oldest = silent.remove(0);
        assert!(gave_way(&oldest));
        open.leave(&oldest);
    }
    assert!(![&other, &known].into_iter().chain(&silent).any(gave_way));
}

#[test]
fn one_that_was_heard_gives_way_only_to_others_that_were() {
    let open = OpenConnections::new(SHARES);
    let heard: Vec<_> = (0..3).map(|_| enter(&open, 1)).collect();
    heard.iter().for_each(|entry| open.set_heard(entry));
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(enter(&open, 1));
        if silent.len() > 4 {
            let oldest = silent.remove(0);
            assert!(gave_way(&oldest));
            open.set_heard(&oldest);
            open.leave(&oldest);
        }
    }
    assert!(!heard.iter().any(gave_way));
    silent[..2].iter().for_each(|entry| open.set_heard(entry));
    assert!(gave_way(&heard[0]) && !heard[1..].iter().chain(&silent).any(gave_way));
}

#[test]
fn the_address_with_the_most_unknown_connections_gives_way_to_others() {
    let open = OpenConnections::new(SHARES);
    let silent: Vec<_> = (0..4).map(|_| enter(&open, 1)).collect();
    let others: Vec<_> = (2..4).map(|n| enter(&open, n)).collect();
    let next = enter(&open, 9);
    assert!(gave_way(&silent[0]));
    assert!(!silent[1..].iter().chain(&others).chain([&next]).any(gave_way));
}

#[test]
fn permits_are_kept_for_clients_that_are_let_in_and_for_other_addresses() {
    let open = OpenConnections::new(SHARES);
    let let_in = |n: u8| {
        let entry = enter(&open, n);
        open.set_known(&entry);
        entry
    };
    let many: Vec<_> = (0..8).map(|_| let_in(1)).collect();
    assert!(full(&open, 1).contains("one address"));
    let silent = enter(&open, 2);
    let others = [let_in(3), let_in(3)];
    assert!(gave_way(&silent), "it had the last permit");
    open.leave(&silent);
    assert_eq!(full(&open, 4), "all 10 connections");
    others.iter().for_each(|other| open.leave(other));
    assert!(!gave_way(&enter(&open, 4)));
    assert!(!many.iter().any(gave_way));
}

#[test]
fn nothing_is_left_of_connections_that_have_ended() {
    let open = OpenConnections::new(Shares::of(CONNECTIONS_MAX));
    let entries: Vec<_> = (0..200).map(|n| enter(&open, n)).collect();
    entries.iter().step_by(3).for_each(|entry| open.set_heard(entry));
    entries.iter().step_by(2).for_each(|entry| open.set_known(entry));
    entries.iter().for_each(|entry| open.leave(entry));
    let table = open.table();
    assert_eq!((table.count, table.unknown, table.networks.len()), (0, [0, 0], 0));
}

#[test]
fn shares_leave_room_whatever_the_total() {
    for total in 1..CONNECTIONS_MAX {
        let Shares { of_network, unknown, unknown_of_network, .. } = Shares::of(total);
        assert!((1..=total).contains(&of_network), "{total}");
        assert!((1..=unknown).contains(&unknown_of_network) && unknown <= total, "{total}");
    }
}
