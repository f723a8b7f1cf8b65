//! The hub's books in memory: fast enough for a simulation, and able to fail at any moment.

use std::collections::{BTreeMap, BTreeSet};

use stockgate::hub::core::{
    Allotment, Book, Books, DecidedRequest, IssuedTransfer, Movement, Policy, PolicyOfSku, Pool,
    RecentGrants, SkuAccount, SkuRecord,
};
use stockgate::protocol::frame::BooksId;
use stockgate::protocol::topic::GatewayId;
use stockgate::stock::{Decimals, Entry, Kind, Listing, RequestId, SignedPosition, Sku};
use uuid::Uuid;

/// The error of a database that fails during a transaction.
#[derive(Debug)]
pub(crate) struct Broken;

/// The disk of a hub.
#[derive(Clone, Debug, Default)]
pub(crate) struct HubDatabase {
    pub(crate) identity: BooksId,
    /// The first book has number 1.
    pub(crate) books: Vec<Book>,
    pub(crate) entries: BTreeMap<i64, Vec<Entry>>,
    pub(crate) allotments: BTreeMap<(i64, Sku), Allotment>,
    pub(crate) pools: BTreeMap<Sku, Pool>,
    pub(crate) transfers: BTreeMap<(i64, u64), IssuedTransfer>,
    pub(crate) listings: BTreeMap<Sku, (u64, Listing)>,
    /// The decimals of each listing, and the number of the change with which it got them.
    decimals: BTreeMap<Sku, (u64, Decimals)>,
    /// The hub's own ledger.
    pub(crate) movements: Vec<Movement>,
    requests: BTreeMap<RequestId, DecidedRequest>,
    policies: BTreeMap<Sku, Policy>,
    waiting: Vec<(Sku, i64)>,
    aside: BTreeMap<(i64, u64), Entry>,
    /// The newest of each book.
    pub(crate) checkpoints: BTreeMap<i64, SignedPosition>,
    /// The number of changes that still succeed; `None` for all.
    pub(crate) breaks_after: Option<u32>,
}

type Kept<T> = Result<T, Broken>;

impl HubDatabase {
    pub(crate) fn new() -> Self {
        let identity = BooksId { books: Uuid::from_u128(0xa), generation: 0 };
        Self { identity, ..Self::default() }
    }

    /// Runs a transaction, which takes effect whole or not at all. `half` plants a bug.
    pub(crate) fn change<T>(
        &mut self,
        breaks_after: Option<u32>,
        half: bool,
        change: impl FnOnce(&mut Self) -> Kept<T>,
    ) -> Kept<T> {
        let before = breaks_after.map(|_| self.clone());
        self.breaks_after = breaks_after;
        let mut done = change(self);
        if breaks_after.is_some() {
            // If it has not failed during the transaction, it fails at the commit.
            done = Err(Broken);
        }
        if let Some(before) = before.filter(|_| done.is_err() && !half) {
            *self = before;
        }
        self.breaks_after = None;
        done
    }

    /// Marks every gateway as offline.
    pub(crate) fn set_all_offline(&mut self) {
        self.books.iter_mut().for_each(|book| book.online = false);
    }

    /// The open books in force.
    pub(crate) fn open_books(&self) -> Vec<Book> {
        let open = self.books.iter();
        let open = open.filter(|book| book.cursor.fenced.is_none() && self.is_newest(book));
        open.cloned().collect()
    }

    pub(crate) fn is_newest(&self, book: &Book) -> bool {
        self.books.iter().all(|other| other.gateway != book.gateway || other.id <= book.id)
    }

    /// The requests whose transfers are in a ledger of the books.
    pub(crate) fn transferred(&self) -> BTreeSet<RequestId> {
        let entries = self.entries.values().flatten();
        let moved = entries.filter(|entry| matches!(entry.kind, Kind::Grant | Kind::Recall));
        moved.map(|entry| entry.request_id.clone()).collect()
    }

    /// For a bug: forgets a request.
    pub(crate) fn forget(&mut self, request_id: &RequestId) {
        self.requests.remove(request_id);
    }

    /// The stock of a book, SKU by SKU.
    pub(crate) fn allotments_of(&self, book: i64) -> impl Iterator<Item = (&Sku, &Allotment)> {
        self.allotments
            .iter()
            .filter(move |((id, _), _)| *id == book)
            .map(|((_, sku), allotment)| (sku, allotment))
    }

    fn touch(&mut self) -> Kept<()> {
        match &mut self.breaks_after {
            Some(0) => Err(Broken),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Books for HubDatabase {
    type Error = Broken;

    fn identity(&mut self) -> Kept<BooksId> {
        Ok(self.identity)
    }

    fn save_identity(&mut self, identity: BooksId) -> Kept<()> {
        self.touch()?;
        self.identity = identity;
        Ok(())
    }

    fn save_checkpoint(&mut self, book: &Book, signed: &SignedPosition, _: [u8; 32]) -> Kept<()> {
        self.touch()?;
        self.checkpoints.insert(book.id, *signed);
        Ok(())
    }

    fn held_gateways(&mut self) -> Kept<Vec<GatewayId>> {
        let held = self.books.iter().filter(|book| book.held.is_some() && self.is_newest(book));
        Ok(held.map(|book| book.gateway.clone()).collect())
    }

    fn in_step_since(&mut self, since_ms: i64) -> Kept<Vec<GatewayId>> {
        let since_ms = since_ms.max(1);
        let shown = |book: &&Book| book.takeover.in_step_ms >= since_ms && self.is_newest(book);
        Ok(self.books.iter().filter(shown).map(|book| book.gateway.clone()).collect())
    }

    fn book_count(&mut self) -> Kept<usize> {
        Ok(self.books.len())
    }

    fn books(&mut self, gateway: &GatewayId) -> Kept<Vec<Book>> {
        Ok(self.books.iter().filter(|book| book.gateway == *gateway).cloned().collect())
    }

    fn book(&mut self, id: i64) -> Kept<Book> {
        self.books.iter().find(|book| book.id == id).cloned().ok_or(Broken)
    }

    fn open(&mut self, book: &mut Book) -> Kept<()> {
        self.touch()?;
        book.id = self.books.len() as i64 + 1;
        self.books.push(book.clone());
        Ok(())
    }

    fn save(&mut self, book: &Book) -> Kept<()> {
        self.touch()?;
        let place = usize::try_from(book.id - 1).map_err(|_| Broken)?;
        self.books[place] = book.clone();
        Ok(())
    }

    fn remove(&mut self, _: &Book) -> Kept<()> {
        unreachable!("nobody removes anything")
    }

    fn remove_sku(&mut self, _: &Sku) -> Kept<()> {
        unreachable!("nobody removes anything")
    }

    fn append(&mut self, book: i64, entries: &[Entry]) -> Kept<()> {
        self.touch()?;
        self.entries.entry(book).or_default().extend_from_slice(entries);
        Ok(())
    }

    fn ledger_sums(&mut self, book: i64) -> Kept<Vec<(Sku, i64, i64)>> {
        let mut sums: BTreeMap<Sku, (i64, i64)> = BTreeMap::new();
        for entry in self.entries.get(&book).into_iter().flatten() {
            let sum = sums.entry(entry.sku.clone()).or_default();
            *sum = (sum.0 + entry.change, sum.1 + entry.reserved_change);
        }
        Ok(sums.into_iter().map(|(sku, (on_hand, reserved))| (sku, on_hand, reserved)).collect())
    }

    fn set_aside(&mut self, book: i64, entries: &[Entry]) -> Kept<u64> {
        self.touch()?;
        for entry in entries {
            self.aside.entry((book, entry.seq)).or_insert_with(|| entry.clone());
        }
        Ok(self.aside.keys().filter(|(id, _)| *id == book).count() as u64)
    }

    fn accounts(&mut self, book: i64, skus: &[Sku]) -> Kept<Vec<SkuAccount>> {
        let account = |sku: &Sku| SkuAccount {
            allotment: self.allotments.get(&(book, sku.clone())).copied().unwrap_or_default(),
            has_policy: self.policies.contains_key(sku),
        };
        Ok(skus.iter().map(account).collect())
    }

    fn allotment(&mut self, book: i64, sku: &Sku) -> Kept<Allotment> {
        Ok(self.allotments.get(&(book, sku.clone())).copied().unwrap_or_default())
    }

    fn allotments(&mut self, book: i64) -> Kept<Vec<(Sku, Allotment)>> {
        Ok(self.allotments_of(book).map(|(sku, allotment)| (sku.clone(), *allotment)).collect())
    }

    fn holders(&mut self, sku: &Sku) -> Kept<Vec<(i64, Allotment)>> {
        let holds = |((id, of), allotment): (&(i64, Sku), &Allotment)| {
            (of == sku).then_some((*id, *allotment))
        };
        Ok(self.allotments.iter().filter_map(holds).collect())
    }

    fn save_allotments(&mut self, book: i64, allotments: &[(Sku, Allotment)]) -> Kept<()> {
        self.touch()?;
        for (sku, allotment) in allotments {
            self.pools.entry(sku.clone()).or_default();
            self.allotments.insert((book, sku.clone()), *allotment);
        }
        Ok(())
    }

    fn sku_record(&mut self, sku: &Sku) -> Kept<SkuRecord> {
        let (pool, listing) = (self.pools.get(sku).copied(), self.listings.get(sku));
        let decimals = listing.map(|(_, listing)| listing.decimals).unwrap_or_default();
        Ok(SkuRecord { pool, listed: listing.is_some(), decimals })
    }

    fn save_pools(&mut self, pools: &[(Sku, Pool)]) -> Kept<()> {
        self.touch()?;
        self.pools.extend(pools.iter().cloned());
        Ok(())
    }

    fn enter_movements(&mut self, movements: &[Movement]) -> Kept<()> {
        self.touch()?;
        self.movements.extend_from_slice(movements);
        Ok(())
    }

    fn save_transfer(&mut self, book: i64, issued: &IssuedTransfer) -> Kept<()> {
        self.touch()?;
        self.transfers.insert((book, issued.transfer.number), issued.clone());
        Ok(())
    }

    fn transfers_after(
        &mut self,
        book: i64,
        number: u64,
        limit: usize,
    ) -> Kept<Vec<IssuedTransfer>> {
        let after = self.transfers.range((book, number + 1)..=(book, u64::MAX));
        Ok(after.map(|(_, issued)| issued.clone()).take(limit).collect())
    }

    fn transfers_of(&mut self, request_id: &RequestId) -> Kept<Vec<IssuedTransfer>> {
        let of = |issued: &&IssuedTransfer| issued.transfer.request_id == *request_id;
        Ok(self.transfers.values().filter(of).cloned().collect())
    }

    fn decided_request(&mut self, request_id: &RequestId) -> Kept<Option<DecidedRequest>> {
        Ok(self.requests.get(request_id).cloned())
    }

    fn next_request_number(&mut self) -> Kept<u64> {
        Ok(self.requests.len() as u64 + 1)
    }

    fn save_request(&mut self, id: &RequestId, decided: &DecidedRequest) -> Kept<()> {
        self.touch()?;
        let before = self.requests.insert(id.clone(), decided.clone());
        assert!(before.is_none(), "the hub decides request {id} twice");
        Ok(())
    }

    fn update_request(&mut self, id: &RequestId, decided: &DecidedRequest) -> Kept<()> {
        self.touch()?;
        let before = self.requests.insert(id.clone(), decided.clone());
        assert!(before.is_some(), "the hub changes request {id} that it has not decided");
        Ok(())
    }

    fn policy_of(&mut self, _book: &Book, sku: &Sku) -> Kept<Option<Policy>> {
        Ok(self.policies.get(sku).copied())
    }

    fn policies_of(&mut self, skus: &[Sku]) -> Kept<Vec<PolicyOfSku>> {
        let of = |sku: &Sku| Some((sku.clone(), None, *self.policies.get(sku)?));
        Ok(skus.iter().filter_map(of).collect())
    }

    fn save_policy(
        &mut self,
        sku: &Sku,
        gateway: Option<&GatewayId>,
        policy: Option<Policy>,
    ) -> Kept<()> {
        assert_eq!(gateway, None, "all policies are general ones");
        self.touch()?;
        policy.map(|policy| self.policies.insert(sku.clone(), policy));
        Ok(())
    }

    fn recent_grants(&mut self, _book: &Book, _sku: &Sku) -> Kept<RecentGrants> {
        Ok(RecentGrants::default())
    }

    fn save_recent_grants(&mut self, _: &Book, _: &Sku, _: &RecentGrants) -> Kept<()> {
        // No policy has a bound here, so nothing rests on them.
        self.touch()
    }

    fn waiting(&mut self, sku: &Sku) -> Kept<Vec<i64>> {
        Ok(self.waiting.iter().filter(|(of, _)| of == sku).map(|(_, book)| *book).collect())
    }

    fn start_waiting(&mut self, sku: &Sku, book: i64) -> Kept<()> {
        self.touch()?;
        let ask = (sku.clone(), book);
        assert!(!self.waiting.contains(&ask), "book {book} waits for {sku} already");
        self.waiting.push(ask);
        Ok(())
    }

    fn stop_waiting(&mut self, sku: &Sku, book: i64) -> Kept<()> {
        self.touch()?;
        self.waiting.retain(|ask| *ask != (sku.clone(), book));
        Ok(())
    }

    fn catalogue(&mut self) -> Kept<Vec<Listing>> {
        Ok(self.listings.values().map(|(_, listing)| listing.clone()).collect())
    }

    fn last_listing(&mut self) -> Kept<u64> {
        Ok(self.listings.values().map(|(number, _)| *number).max().unwrap_or(0))
    }

    fn save_listing(&mut self, number: u64, listing: &Listing) -> Kept<()> {
        self.touch()?;
        self.listings.insert(listing.sku.clone(), (number, listing.clone()));
        let since = self.decimals.entry(listing.sku.clone()).or_default();
        if since.1 != listing.decimals {
            *since = (number, listing.decimals);
        }
        Ok(())
    }

    fn decimals_after(&mut self, skus: &[(Sku, u64)]) -> Kept<Vec<(Sku, Decimals)>> {
        let decimals = |(sku, after): &(Sku, u64)| {
            let (since, decimals) = self.decimals.get(sku)?;
            (since > after).then(|| (sku.clone(), *decimals))
        };
        Ok(skus.iter().filter_map(decimals).collect())
    }

    fn decimals_at(&mut self, skus: &[(Sku, u64)]) -> Kept<Vec<(Sku, Decimals, Decimals)>> {
        let decimals = |(sku, number): &(Sku, u64)| {
            let (since, decimals) = self.decimals.get(sku).copied().unwrap_or_default();
            // Those before a change are not kept here: the simulation gives decimals once.
            let then = if since <= *number { decimals } else { Decimals::default() };
            (sku.clone(), decimals, then)
        };
        Ok(skus.iter().map(decimals).collect())
    }

    fn listings_after(&mut self, number: u64, limit: usize) -> Kept<Vec<(u64, Listing)>> {
        let mut after: Vec<_> =
            self.listings.values().filter(|(n, _)| *n > number).cloned().collect();
        after.sort_by_key(|(n, _)| *n);
        after.truncate(limit);
        Ok(after)
    }
}
