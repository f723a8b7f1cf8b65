//! Sales that wait for units from elsewhere. Those that something may matter to are found by their
//! SKUs.

use std::collections::{BTreeMap, BTreeSet};

use crate::hub::core::{OpenOrder, Spare};
use crate::hub::db::error::BooksError;
use crate::hub::db::order_rows::{open_order_row, read_open_order};
use crate::hub::db::schema::{OPEN_ORDER, OPEN_ORDER_LINE};
use crate::hub::db::sql::{Change, ColumnType, Executor, Keys, RowReader, SqlRow, SqlValue, Write};
use crate::protocol::topic::GatewayId;
use crate::stock::{RequestId, Sku, totals};

#[derive(Debug, Default)]
pub(super) struct OpenOrderSet {
    /// What this transaction has changed; `None` for those that are decided.
    changed: BTreeMap<RequestId, Option<OpenOrder>>,
    /// Whether there are orders with these ids.
    known: BTreeMap<RequestId, bool>,
    /// The SKUs of the orders that were read or saved.
    skus: BTreeMap<RequestId, Vec<Sku>>,
    /// The units that stored orders wait for, by SKU.
    wanted: BTreeMap<Sku, Vec<(RequestId, i64)>>,
    /// The SKUs of which these units will be asked for.
    expected: BTreeSet<Sku>,
    /// The gateways that are asked for nothing for a while.
    pub(super) left_out: BTreeSet<GatewayId>,
    /// The gateways that were asked, and whether they have answered in time.
    pub(super) recalls: Vec<(GatewayId, bool)>,
}

impl OpenOrderSet {
    /// An order as it is now.
    pub(super) fn newest(
        &mut self,
        db: &mut dyn Executor,
        id: &RequestId,
    ) -> Result<Option<OpenOrder>, BooksError> {
        if let Some(changed) = self.changed.get(id) {
            return Ok(changed.clone());
        }
        let sql = "SELECT id, deadline_ms, state FROM open_order WHERE id = $1";
        let found = db.query(sql, &[SqlValue::text(id.as_str())])?.pop();
        Ok(found.map(|row| self.read(row)).transpose()?.map(|(_, order)| order))
    }

    /// Notes of requests whether they are orders that wait.
    pub(super) fn know(&mut self, open: BTreeMap<RequestId, bool>) {
        self.known.extend(open);
    }

    /// Whether there is an order with this id, as far as it was read with others.
    pub(super) fn is_open(&self, id: &RequestId) -> Option<bool> {
        let changed = self.changed.get(id).map(Option::is_some);
        changed.or_else(|| self.known.get(id).copied())
    }

    fn read(&mut self, row: SqlRow) -> Result<(RequestId, OpenOrder), BooksError> {
        let (id, order) = read_open_order(row)?;
        self.skus.insert(id.clone(), skus_of(&order));
        Ok((id, order))
    }

    /// How many there are.
    pub(super) fn count(&self, db: &mut dyn Executor) -> Result<usize, BooksError> {
        let found = db.query("SELECT count(*) FROM open_order", &[])?.pop();
        let stored = RowReader::of(found.unwrap_or_default()).number()?;
        Ok(usize::try_from(stored).unwrap_or(usize::MAX).saturating_add(self.changed.len()))
    }

    /// The orders for one of these SKUs, the oldest first.
    pub(super) fn of(
        &mut self,
        db: &mut dyn Executor,
        skus: &[Sku],
    ) -> Result<Vec<(RequestId, OpenOrder)>, BooksError> {
        let sql = "SELECT DISTINCT open_order.id, open_order.deadline_ms, open_order.state
                   FROM {keys} AS k JOIN open_order_line ON open_order_line.sku = k.a
                   JOIN open_order ON open_order.id = open_order_line.id";
        let found = db.query_keys(sql, &keys(skus.iter()))?.into_iter();
        let mut orders = found.map(|row| self.read(row)).collect::<Result<Vec<_>, _>>()?;
        orders.sort_by(|(a, one), (b, other)| (one.deadline_ms, a).cmp(&(other.deadline_ms, b)));
        // With SQLite an order is found once for each of its SKUs.
        orders.dedup_by(|(a, _), (b, _)| a == b);
        orders.retain(|(id, _)| !self.changed.contains_key(id));
        let changed = self.changed.iter().filter_map(|(id, order)| Some((id, order.as_ref()?)));
        let is_for = |order: &OpenOrder| order.lines.iter().any(|line| skus.contains(&line.sku));
        let changed = changed.filter(|(_, order)| is_for(order));
        orders.extend(changed.map(|(id, order)| (id.clone(), order.clone())));
        Ok(orders)
    }

    /// Whether this transaction has an open order for a SKU.
    pub(super) fn has_opened(&self, sku: &Sku) -> bool {
        let mut lines = self.changed.values().flatten().flat_map(|order| &order.lines);
        lines.any(|line| line.sku == *sku)
    }

    pub(super) fn expect_wanted(&mut self, skus: &[Sku]) {
        self.expected.extend(skus.iter().cloned());
    }

    /// The units of a SKU that orders wait for.
    pub(super) fn wanted(&mut self, db: &mut dyn Executor, sku: &Sku) -> Result<i64, BooksError> {
        if !self.wanted.contains_key(sku) {
            self.expected.insert(sku.clone());
            self.load_wanted(db)?;
        }
        let stored = self.wanted.get(sku).into_iter().flatten();
        let stored = stored.filter(|(id, _)| !self.changed.contains_key(id));
        let changed = self.changed.values().flatten().flat_map(|order| &order.lines);
        let changed = changed.filter(|line| line.sku == *sku).map(|line| line.quantity.units());
        let units = stored.map(|(_, units)| *units).chain(changed);
        Ok(units.fold(0, i64::saturating_add))
    }

    fn load_wanted(&mut self, db: &mut dyn Executor) -> Result<(), BooksError> {
        let mut skus = std::mem::take(&mut self.expected);
        skus.retain(|sku| !self.wanted.contains_key(sku));
        let sql = "SELECT l.sku, l.id, l.units FROM {keys} AS k
                   JOIN open_order_line AS l ON l.sku = k.a";
        for row in db.query_keys(sql, &keys(skus.iter()))? {
            let mut row = RowReader::of(row);
            let (sku, id) = (row.id(Sku::parse)?, row.id(RequestId::parse)?);
            self.wanted.entry(sku).or_default().push((id, row.int()?));
        }
        for sku in skus {
            self.wanted.entry(sku).or_default();
        }
        Ok(())
    }

    pub(super) fn save(&mut self, id: &RequestId, order: Option<&OpenOrder>) {
        if let Some(order) = order {
            self.skus.insert(id.clone(), skus_of(order));
        }
        self.changed.insert(id.clone(), order.cloned());
    }

    /// The orders that this transaction has decided.
    pub(super) fn decided(&self) -> Vec<RequestId> {
        let decided = self.changed.iter().filter(|(_, order)| order.is_none());
        decided.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn changes(&self) -> [Change; 4] {
        let open = || self.changed.iter().filter_map(|(id, order)| Some((id, order.as_ref()?)));
        let orders = open().map(|(id, order)| open_order_row(id, order).to_vec()).collect();
        let lines = open().flat_map(|(id, order)| lines_of(id, order)).collect();
        let decided = self.decided();
        let of_decided = decided.iter().flat_map(|id| {
            let skus = self.skus.get(id).into_iter().flatten();
            skus.map(|sku| vec![SqlValue::text(sku.as_str()), SqlValue::text(id.as_str())])
        });
        let of_decided: Vec<SqlRow> = of_decided.collect();
        let decided = decided.iter().map(|id| vec![SqlValue::text(id.as_str())]).collect();
        [
            Change { table: &OPEN_ORDER, write: Write::Set, rows: orders },
            Change { table: &OPEN_ORDER, write: Write::Delete, rows: decided },
            // The lines of an order never change.
            Change { table: &OPEN_ORDER_LINE, write: Write::Register, rows: lines },
            Change { table: &OPEN_ORDER_LINE, write: Write::Delete, rows: of_decided },
        ]
    }
}

pub(super) fn id_keys(ids: &BTreeSet<RequestId>) -> Keys {
    let rows = ids.iter().map(|id| vec![SqlValue::text(id.as_str())]).collect();
    Keys { types: &[ColumnType::Text], rows }
}

fn keys<'a>(skus: impl Iterator<Item = &'a Sku>) -> Keys {
    let rows = skus.map(|sku| vec![SqlValue::text(sku.as_str())]).collect();
    Keys { types: &[ColumnType::Text], rows }
}

fn skus_of(order: &OpenOrder) -> Vec<Sku> {
    totals(&order.lines).iter().map(|line| line.sku.clone()).collect()
}

fn lines_of(id: &RequestId, order: &OpenOrder) -> Vec<SqlRow> {
    let row = |line: &crate::stock::Line| {
        let (sku, id) = (SqlValue::text(line.sku.as_str()), SqlValue::text(id.as_str()));
        vec![sku, id, SqlValue::Int(line.quantity.units())]
    };
    totals(&order.lines).iter().map(row).collect()
}

/// The gateways that have units of a SKU to spare, or will once they take what is granted to them: a
/// recall is taken after every grant that was sent before it. Nothing is locked: they are asked, and
/// give what they have then.
pub(super) fn spares(db: &mut dyn Executor, sku: &Sku) -> Result<Vec<Spare>, BooksError> {
    let sql = "SELECT book.site, book.gateway, book.online,
                   held.on_hand - held.reserved + held.in_transit
               FROM held JOIN book ON book.id = held.book
               WHERE held.sku = $1 AND held.on_hand + held.in_transit > held.reserved
                 AND book.in_force = 1 AND book.retired = 0 AND book.fenced IS NULL AND book.held IS NULL
                 AND book.reopening IS NULL";
    let read = |row: SqlRow| {
        let mut row = RowReader::of(row);
        let gateway = GatewayId { site: row.text()?, gateway: row.text()? };
        Ok(Spare { gateway, online: row.bool()?, units: row.int()? })
    };
    db.query(sql, &[SqlValue::text(sku.as_str())])?.into_iter().map(read).collect()
}
