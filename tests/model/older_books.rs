//! A model of its own: books of which an older copy is put back, and a second hub on the broker.
//!
//! There is one gateway, and the hub only grants. At one moment the books are copied, at another the
//! copy is put back; what was on its way then has arrived, or is lost: a greeting from before would
//! show too little. The office grants and sells nothing more until the gateway has greeted and its
//! ledger is taken over.

use stateright::{Checker, HasDiscoveries, Model, Property};

const NOT_OVERSOLD: &str = "no unit is sold twice";
const COPIED: &str = "the books are a prefix of the ledger";
const EXPLAINED: &str = "the books balance";
const OWN_BOOKS: &str = "nothing is taken from other books";
const RECOVERED: &str = "a ledger with lost grants is taken over";

/// Units in the pool at the beginning, and grants and sales of one unit each.
const POOL: i8 = 2;
const GRANTS: usize = 2;
const SALES: i8 = 2;
const IN_FLIGHT: usize = 1;

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    /// The hub does not hold a gateway that has more than the books.
    NotHeld,
    /// Recovered books do not take the units of lost grants out of the pool.
    FromNowhere,
    /// The gateway takes what any hub sends.
    OtherBooks,
    /// The books keep their generation when they are recovered.
    SameGeneration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Entry {
    Grant(usize),
    Sale,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Books {
    generation: u8,
    pool: i8,
    sold: i8,
    in_transit: i8,
    /// The grants that were made.
    issued: usize,
    /// The last one whose entry has arrived.
    landed: usize,
    entries: Vec<Entry>,
    is_held: bool,
    /// The generation in which the gateway was settled.
    settled: u8,
    /// Its ledger is taken over up to here.
    take_over_to: usize,
    /// Older books whose gateway has not shown yet what it has.
    is_unsure: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Gateway {
    ledger: Vec<Entry>,
    taken: usize,
    taken_at: usize,
    acked: usize,
    generation: u8,
    /// The position to send from, once the hub has named it.
    sends_after: Option<usize>,
    took_foreign: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Up {
    Hello { generation: u8, taken: usize, taken_at: usize, acked: usize },
    Entries { after: usize, entries: Vec<Entry> },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Down {
    Resume {
        generation: u8,
        acked: usize,
    },
    Ack {
        generation: u8,
        acked: usize,
    },
    Grants {
        generation: u8,
        after: usize,
        up_to: usize,
    },
    /// A grant of a hub with other books.
    Foreign(usize),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    books: Books,
    copy: Option<Books>,
    was_restored: bool,
    gateway: Gateway,
    up: Vec<Up>,
    down: Vec<Down>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Grant,
    SellCentrally,
    Sell,
    Copy,
    PutBack,
    Recover,
    Greet,
    SendEntries,
    SendGrants,
    SendForeign,
    HubReceives(usize),
    GatewayReceives(usize),
    LoseUp(usize),
    LoseDown(usize),
}

#[derive(Clone, Debug, Default)]
struct OlderBooks {
    bug: Option<Bug>,
}

impl Books {
    fn new() -> Self {
        Self {
            generation: 1,
            pool: POOL,
            sold: 0,
            in_transit: 0,
            issued: 0,
            landed: 0,
            entries: Vec::new(),
            is_held: false,
            settled: 1,
            take_over_to: 0,
            is_unsure: false,
        }
    }

    fn is_open(&self) -> bool {
        !self.is_held && self.take_over_to == 0 && !self.is_unsure
    }

    fn handle(&mut self, message: Up, bug: Option<Bug>) -> Option<Down> {
        match message {
            Up::Hello { generation, taken, taken_at, acked } => {
                self.greet(generation, (taken, taken_at), acked, bug)
            }
            Up::Entries { after, entries } => self.book(after, &entries, bug),
        }
    }

    fn greet(
        &mut self,
        generation: u8,
        (taken, taken_at): (usize, usize),
        acked: usize,
        bug: Option<Bug>,
    ) -> Option<Down> {
        if self.settled < self.generation {
            self.settled = self.generation;
            self.is_held = false;
            if taken > self.landed {
                self.take_over_to = taken_at;
                self.issued = self.issued.max(taken);
            }
        } else {
            let is_current = generation == self.generation;
            let is_ahead = generation > self.generation
                || taken > self.issued
                || is_current && acked > self.entries.len();
            self.is_held = is_ahead && bug != Some(Bug::NotHeld);
        }
        if self.is_held {
            return None;
        }
        self.is_unsure = false;
        Some(Down::Resume { generation: self.generation, acked: self.entries.len() })
    }

    fn book(&mut self, after: usize, entries: &[Entry], bug: Option<Bug>) -> Option<Down> {
        if self.is_held || after > self.entries.len() {
            return None;
        }
        let known = self.entries.len() - after;
        for entry in entries.iter().skip(known) {
            let Entry::Grant(number) = *entry else {
                self.entries.push(*entry);
                continue;
            };
            if self.in_transit > 0 {
                self.in_transit -= 1;
            } else if self.entries.len() < self.take_over_to || bug == Some(Bug::NotHeld) {
                self.pool -= i8::from(bug != Some(Bug::FromNowhere));
            } else {
                self.is_held = true;
                return None;
            }
            self.landed = number;
            self.entries.push(*entry);
        }
        if self.entries.len() >= self.take_over_to {
            self.take_over_to = 0;
        }
        Some(Down::Ack { generation: self.generation, acked: self.entries.len() })
    }
}

impl Gateway {
    fn on_hand(&self) -> i8 {
        let units = self.ledger.iter().map(|entry| match entry {
            Entry::Grant(_) => 1,
            Entry::Sale => -1,
        });
        units.sum()
    }

    fn sold(&self) -> i8 {
        self.ledger.iter().map(|entry| i8::from(*entry == Entry::Sale)).sum()
    }

    fn receive(&mut self, message: &Down, bug: Option<Bug>) {
        match *message {
            Down::Resume { generation, acked } if generation >= self.generation => {
                self.acked =
                    if generation > self.generation { acked } else { self.acked.max(acked) };
                self.generation = generation;
                self.sends_after = Some(acked);
            }
            Down::Ack { generation, acked } if generation == self.generation => {
                self.acked = self.acked.max(acked);
            }
            Down::Grants { generation, after, up_to } if generation == self.generation => {
                (after + 1..=up_to).for_each(|number| self.take(number));
            }
            Down::Foreign(number) if bug == Some(Bug::OtherBooks) => {
                self.took_foreign = true;
                self.take(number);
            }
            Down::Resume { .. } | Down::Ack { .. } | Down::Grants { .. } | Down::Foreign(_) => {}
        }
    }

    fn take(&mut self, number: usize) {
        if number == self.taken + 1 {
            self.ledger.push(Entry::Grant(number));
            (self.taken, self.taken_at) = (number, self.ledger.len());
        }
    }
}

impl World {
    fn send_up(&mut self, message: Up) {
        if let Err(place) = self.up.binary_search(&message)
            && self.up.len() < IN_FLIGHT
        {
            self.up.insert(place, message);
        }
    }

    fn send_down(&mut self, message: Down) {
        if let Err(place) = self.down.binary_search(&message)
            && self.down.len() < IN_FLIGHT
        {
            self.down.insert(place, message);
        }
    }

    fn act(&mut self, action: Action, bug: Option<Bug>) {
        match action {
            Action::Grant => {
                self.books.pool -= 1;
                self.books.in_transit += 1;
                self.books.issued += 1;
            }
            Action::SellCentrally => {
                self.books.pool -= 1;
                self.books.sold += 1;
            }
            Action::Sell => self.gateway.ledger.push(Entry::Sale),
            Action::Copy => self.copy = Some(self.books.clone()),
            Action::PutBack => self.put_back(),
            Action::Recover => {
                self.books.generation += u8::from(bug != Some(Bug::SameGeneration));
                self.books.is_held = false;
            }
            Action::Greet => {
                let Gateway { generation, taken, taken_at, acked, .. } = self.gateway;
                self.send_up(Up::Hello { generation, taken, taken_at, acked });
            }
            Action::SendEntries => self.send_entries(),
            Action::SendGrants => {
                let Books { generation, landed, issued, .. } = self.books;
                self.send_down(Down::Grants { generation, after: landed, up_to: issued });
            }
            Action::SendForeign => self.send_down(Down::Foreign(self.gateway.taken + 1)),
            Action::HubReceives(index) => {
                let answer = self.books.handle(self.up[index].clone(), bug);
                answer.into_iter().for_each(|answer| self.send_down(answer));
            }
            Action::GatewayReceives(index) => {
                let message = self.down[index].clone();
                self.gateway.receive(&message, bug);
            }
            Action::LoseUp(index) => drop(self.up.remove(index)),
            Action::LoseDown(index) => drop(self.down.remove(index)),
        }
    }

    fn put_back(&mut self) {
        let Some(copy) = self.copy.take() else { return };
        let sold = self.books.sold;
        self.books = Books { is_unsure: true, ..copy };
        // Central sales are sent again with their request ids.
        self.books.pool -= sold - self.books.sold;
        self.books.sold = sold;
        self.was_restored = true;
        self.up.clear();
        self.down.retain(|message| matches!(message, Down::Foreign(_)));
    }

    fn send_entries(&mut self) {
        let Some(after) = self.gateway.sends_after else { return };
        let entries = self.gateway.ledger.get(after..).unwrap_or_default().to_vec();
        if !entries.is_empty() {
            self.send_up(Up::Entries { after, entries });
        }
    }
}

impl Model for OlderBooks {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let gateway = Gateway {
            ledger: Vec::new(),
            taken: 0,
            taken_at: 0,
            acked: 0,
            generation: 1,
            sends_after: Some(0),
            took_foreign: false,
        };
        let (up, down) = (Vec::new(), Vec::new());
        vec![World { books: Books::new(), copy: None, was_restored: false, gateway, up, down }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let (books, gateway) = (&world.books, &world.gateway);
        let is_open = books.is_open() || books.settled == books.generation && !world.was_restored;
        if is_open && books.pool > 0 {
            actions.extend((books.issued < GRANTS).then_some(Action::Grant));
            actions.extend((books.sold < SALES).then_some(Action::SellCentrally));
        }
        if is_open && books.landed < books.issued {
            actions.push(Action::SendGrants);
        }
        let may_copy = world.copy.is_none() && !world.was_restored;
        actions.extend(may_copy.then_some(Action::Copy));
        actions.extend(world.copy.is_some().then_some(Action::PutBack));
        actions.extend((books.is_held && books.generation < 3).then_some(Action::Recover));
        let may_sell = gateway.on_hand() > 0 && gateway.sold() < SALES;
        actions.extend(may_sell.then_some(Action::Sell));
        actions.extend([Action::Greet, Action::SendEntries, Action::SendForeign]);
        actions
            .extend((0..world.up.len()).flat_map(|n| [Action::HubReceives(n), Action::LoseUp(n)]));
        let down = 0..world.down.len();
        actions.extend(down.flat_map(|n| [Action::GatewayReceives(n), Action::LoseDown(n)]));
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        world.act(action, self.bug);
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NOT_OVERSOLD, |_, world: &World| {
                world.books.sold + world.gateway.sold() <= POOL
            }),
            Property::always(COPIED, |_, world: &World| {
                world.gateway.ledger.starts_with(&world.books.entries)
            }),
            Property::always(EXPLAINED, |_, World { books, .. }: &World| {
                let granted = books.entries.iter().filter(|entry| **entry != Entry::Sale);
                let granted = i8::try_from(granted.count()).unwrap_or(i8::MAX);
                books.pool + books.in_transit + granted + books.sold == POOL
            }),
            Property::always(OWN_BOOKS, |_, world: &World| !world.gateway.took_foreign),
            Property::sometimes(RECOVERED, |_, World { books, gateway, was_restored, .. }| {
                *was_restored
                    && books.generation > 1
                    && books.is_open()
                    && gateway.taken > 0
                    && books.entries == gateway.ledger
            }),
        ]
    }
}

#[test]
fn older_books_harm_nobody_and_other_books_change_nothing() {
    let checker = OlderBooks::default().checker().threads(2).spawn_bfs().join();
    eprintln!("older books: {} states", checker.unique_state_count());
    assert!(checker.is_done());
    checker.assert_properties();
}

#[test]
fn planted_faults_in_the_recovery_of_books_are_found() {
    for (bug, property) in
        [(Bug::NotHeld, NOT_OVERSOLD), (Bug::FromNowhere, EXPLAINED), (Bug::OtherBooks, OWN_BOOKS)]
    {
        let found = HasDiscoveries::AnyOf([property].into());
        let model = OlderBooks { bug: Some(bug) };
        let checker = model.checker().threads(2).finish_when(found).spawn_bfs().join();
        let steps = checker.assert_any_discovery(property).into_actions();
        eprintln!("{bug:?}: not {property:?}: {} steps: {steps:?}", steps.len());
    }
    let stuck = OlderBooks { bug: Some(Bug::SameGeneration) };
    let checker = stuck.checker().threads(2).spawn_bfs().join();
    assert!(checker.discovery(RECOVERED).is_none(), "without a generation nothing is taken over");
}
