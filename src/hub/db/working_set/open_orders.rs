//! Sales that wait for units from elsewhere. There are few, so they are read at once where any of
//! them may matter.

use std::collections::{BTreeMap, BTreeSet};

use crate::hub::core::{OpenOrder, Spare};
use crate::hub::db::error::BooksError;
use crate::hub::db::order_rows::{open_order_row, read_open_order};
use crate::hub::db::schema::OPEN_ORDER;
use crate::hub::db::sql::{Change, Executor, RowReader, SqlRow, SqlValue, Write};
use crate::protocol::topic::GatewayId;
use crate::stock::{RequestId, Sku};

#[derive(Debug, Default)]
pub(super) struct OpenOrderSet {
    /// What this transaction has changed; `None` for those that are decided.
    changed: BTreeMap<RequestId, Option<OpenOrder>>,
    /// All that were stored when this was first asked for.
    stored: Option<Vec<(RequestId, OpenOrder)>>,
    /// The gateways that are asked for nothing for a while.
    pub(super) left_out: BTreeSet<GatewayId>,
    /// The gateways that were asked, and whether they have answered in time.
    pub(super) recalls: Vec<(GatewayId, bool)>,
}

impl OpenOrderSet {
    /// An order as it is now.
    pub(super) fn newest(
        &self,
        db: &mut dyn Executor,
        id: &RequestId,
    ) -> Result<Option<OpenOrder>, BooksError> {
        if let Some(changed) = self.changed.get(id) {
            return Ok(changed.clone());
        }
        let sql = "SELECT id, deadline_ms, state FROM open_order WHERE id = $1";
        let found = db.query(sql, &[SqlValue::text(id.as_str())])?.pop();
        Ok(found.map(read_open_order).transpose()?.map(|(_, order)| order))
    }

    /// All orders, the oldest first.
    pub(super) fn all(
        &mut self,
        db: &mut dyn Executor,
    ) -> Result<Vec<(RequestId, OpenOrder)>, BooksError> {
        let stored = match self.stored.take() {
            Some(stored) => stored,
            None => {
                let sql = "SELECT id, deadline_ms, state FROM open_order ORDER BY deadline_ms, id";
                db.query(sql, &[])?.into_iter().map(read_open_order).collect::<Result<_, _>>()?
            }
        };
        let mut orders = stored.clone();
        self.stored = Some(stored);
        orders.retain(|(id, _)| !self.changed.contains_key(id));
        let changed = self.changed.iter();
        orders.extend(changed.filter_map(|(id, order)| Some((id.clone(), order.clone()?))));
        Ok(orders)
    }

    pub(super) fn save(&mut self, id: &RequestId, order: Option<&OpenOrder>) {
        self.changed.insert(id.clone(), order.cloned());
    }

    pub(super) fn changes(&self) -> [Change; 2] {
        let open = self.changed.iter().filter_map(|(id, order)| Some((id, order.as_ref()?)));
        let open: Vec<SqlRow> =
            open.map(|(id, order)| open_order_row(id, order).to_vec()).collect();
        let decided = self.changed.iter().filter(|(_, order)| order.is_none());
        let decided = decided.map(|(id, _)| vec![SqlValue::text(id.as_str())]).collect();
        let change = |write, rows| Change { table: &OPEN_ORDER, write, rows };
        [change(Write::Set, open), change(Write::Delete, decided)]
    }
}

/// The gateways that have units of a SKU to spare. Nothing is locked: they are asked, and give what
/// they have then.
pub(super) fn spares(db: &mut dyn Executor, sku: &Sku) -> Result<Vec<Spare>, BooksError> {
    let sql = "SELECT book.site, book.gateway, book.online, held.on_hand - held.reserved
               FROM held JOIN book ON book.id = held.book
               WHERE held.sku = $1 AND held.on_hand > held.reserved AND book.in_force = 1
                 AND book.retired = 0 AND book.fenced IS NULL AND book.held IS NULL
                 AND book.reopening IS NULL";
    let read = |row: SqlRow| {
        let mut row = RowReader::of(row);
        let gateway = GatewayId { site: row.text()?, gateway: row.text()? };
        Ok(Spare { gateway, online: row.bool()?, units: row.int()? })
    };
    db.query(sql, &[SqlValue::text(sku.as_str())])?.into_iter().map(read).collect()
}
